/* A folder of the test's own, in memory where that can be had: many small files, many fsyncs. */
#ifndef CLG_TESTS_INJECT_FOLDER_H
#define CLG_TESTS_INJECT_FOLDER_H

const char *inject_folder(void);

#endif
