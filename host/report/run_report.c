/* The public calls: reads runs, looks at their models, writes one page of one run or of several. */
#define _GNU_SOURCE
#include "report/run_report.h"

#include "core/file.h"
#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_status add_examples(struct clg_report *report, const clg_report_options *options)
{
    clg_device *device = options ? options->device : NULL, *own = NULL;
    const clg_dataset *data = options && report->count == 1 ? options->data : NULL;
    clg_status status = CLG_OK;
    if (!device)
        CLG_TRY(clg_device_open(&own, "ref", NULL));
    for (size_t i = 0; i < report->count && status == CLG_OK; i++)
        status = clg_examples_make(&report->run[i], device ? device : own, data,
                                   options ? options->data_name : NULL);
    clg_device_close(own);
    return status;
}

clg_status clg_report_create(clg_report **out, const char *const *runs, size_t count,
                             const clg_report_options *options)
{
    struct clg_report *report = NULL;
    clg_status status;
    *out = NULL;
    if (count == 0)
        return clg_fail(CLG_EUSAGE, "a report needs the folder of a run");
    CLG_TRY(clg_alloc(&report, 1, sizeof *report, "a report"));
    CLG_TRY_DONE(clg_alloc(&report->run, count, sizeof *report->run, "a report"));
    for (; report->count < count; report->count++) {
        status = clg_report_run_read(&report->run[report->count], runs[report->count]);
        if (status != CLG_OK) {
            clg_report_run_clear(&report->run[report->count]);
            goto done;
        }
    }
    CLG_TRY_DONE(add_examples(report, options));
    *out = report;
    report = NULL;
done:
    clg_report_destroy(report);
    return status;
}

void clg_report_destroy(clg_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->count; i++)
        clg_report_run_clear(&report->run[i]);
    free(report->run);
    free(report);
}

typedef clg_status (*section_fn)(struct clg_page *page, const struct clg_report_run *run);

static const section_fn sections[] = {
    clg_report_head,     clg_report_learning,     clg_report_classes,  clg_report_worst,
    clg_report_saliency, clg_report_weights,      clg_report_roofline, clg_report_verdict,
    clg_report_device,   clg_report_options_table};

static clg_status put_page(FILE *out, const clg_report *report)
{
    struct clg_page page;
    char title[320];
    if (report->count > 1)
        snprintf(title, sizeof title, "clgrad: %zu runs compared", report->count);
    else
        snprintf(title, sizeof title, "clgrad: %.300s", report->run[0].name);
    clg_html_begin(&page, out, title);
    if (report->count > 1)
        CLG_TRY(clg_report_compare(&page, report));
    for (size_t i = 0; report->count == 1 && i < sizeof sections / sizeof *sections; i++)
        CLG_TRY(sections[i](&page, &report->run[0]));
    clg_html_end(&page);
    return CLG_OK;
}

/* RUN/report.html, or what the caller named. */
static clg_status target_path(char **out, const clg_report *report, const char *path)
{
    if (path)
        return clg_text_copy(out, path);
    if (report->count > 1)
        return clg_fail(CLG_EUSAGE, "a comparison of %zu runs needs the name of a file",
                        report->count);
    size_t size = strlen(report->run[0].folder) + sizeof "/report.html";
    CLG_TRY(clg_alloc(out, size, 1, "a path"));
    snprintf(*out, size, "%s/report.html", report->run[0].folder);
    return CLG_OK;
}

clg_status clg_report_write(const clg_report *report, const char *path)
{
    char *target = NULL, *text = NULL;
    size_t size = 0;
    CLG_TRY(target_path(&target, report, path));
    FILE *out = open_memstream(&text, &size);
    clg_status status = out ? put_page(out, report) : CLG_OK;
    int failed = !out || ferror(out);
    if ((out && fclose(out) != 0) || failed)
        status = clg_fail(CLG_ENOMEM, "%s: no memory for the report", target);
    if (status == CLG_OK)
        status = clg_file_write(target, text, size);
    free(text);
    free(target);
    return status;
}
