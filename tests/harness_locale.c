/* A locale with a decimal comma, on any machine: one that is installed, else one made here.  What
 * is made is the file of LC_NUMERIC as glibc's localedef writes it. */
#define _GNU_SOURCE
#include "harness_locale.h"

#include "harness_files.h"

#include "harness.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Magic number, how many values, where each begins; the point, the separator of thousands, its
 * groups, both characters again as numbers, the character set. */
static void make_locale(void)
{
    static const struct {
        uint32_t magic, values, at[6];
        char point[2], separator[2], groups[4];
        uint32_t wide_point, wide_separator;
        char set[15];
    } numeric = {0x20031114, 6,   {32, 34, 36, 40, 44, 48}, ",", ".", "\3\3",
                 ',',        '.', "ANSI_X3.4-1968"};
    mkdir(files_path("comma"), 0777);
    files_put("comma/LC_NUMERIC", &numeric, 63);
    setenv("LOCPATH", harness_folder(), 1);
    setlocale(LC_NUMERIC, "comma");
}

void harness_comma(void)
{
    char text[16];
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        make_locale();
    snprintf(text, sizeof text, "%g", 0.5);
    ck_assert_str_eq(text, "0,5");
    ck_assert(harness_close(strtod("0,25", NULL), 0.25, 0));
}

void harness_point(void)
{
    setlocale(LC_NUMERIC, "C");
}
