/* Text, numbers and pictures as HTML.  What stands on the page, and where, is said elsewhere. */
#include "report/html.h"

#include "core/memory.h"
#include "core/text.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the UTF-8 letter at text and the letter, 0 where there is none. */
static size_t letter_at(const char *text, unsigned long *letter)
{
    static const unsigned long smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)*text;
    size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 0 || lead > 0xf4)
        return 0;
    *letter = size == 1 ? lead : lead & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        *letter = *letter << 6 | ((unsigned char)text[i] & 0x3f);
    }
    int surrogate = *letter >= 0xd800 && *letter < 0xe000;
    return *letter < smallest[size] || *letter > 0x10ffff || surrogate ? 0 : size;
}

/* A name must not turn round what stands beside it. */
static int turns_direction(unsigned long letter)
{
    return letter == 0x200e || letter == 0x200f || letter == 0x61c ||
           (letter >= 0x202a && letter <= 0x202e) || (letter >= 0x2066 && letter <= 0x2069);
}

static void put_letter(FILE *out, const char *text, size_t size, unsigned long letter)
{
    if (letter == '&')
        fputs("&amp;", out);
    else if (letter == '<')
        fputs("&lt;", out);
    else if (letter == '>')
        fputs("&gt;", out);
    else if (letter == '"')
        fputs("&quot;", out);
    else if (letter == '\'')
        fputs("&#39;", out);
    else if (letter < 32 || (letter >= 127 && letter < 160))
        fputc('?', out);
    else if (turns_direction(letter))
        fputs(REPLACEMENT, out);
    else
        fwrite(text, 1, size, out);
}

void clg_html_short(FILE *out, const char *text, size_t most)
{
    while (*text) {
        unsigned long letter = 0;
        size_t size = letter_at(text, &letter);
        if (most-- == 0) {
            fputs("\xe2\x80\xa6", out);
            return;
        }
        if (size)
            put_letter(out, text, size, letter);
        else
            fputs(REPLACEMENT, out);
        text += size ? size : 1;
    }
}

void clg_html_text(FILE *out, const char *text)
{
    clg_html_short(out, text, (size_t)-1);
}

void clg_html_number(FILE *out, double value, int digits)
{
    if (isnan(value))
        fputs("\xe2\x80\x93", out);
    else
        fputs(clg_print_number(value, digits).text, out);
}

void clg_html_fixed(FILE *out, double value, int places)
{
    static const long long power[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (!(fabs(value) < 1e11)) {
        clg_html_number(out, value, 6);
        return;
    }
    long long scaled = llround(fabs(value) * (double)power[places]);
    fputs(value < 0 && scaled ? "-" : "", out);
    fprintf(out, "%lld", scaled / power[places]);
    if (places)
        fprintf(out, ".%0*lld", places, scaled % power[places]);
}

void clg_html_percent(FILE *out, double fraction)
{
    clg_html_fixed(out, 100 * fraction, 2);
    if (!isnan(fraction))
        fputs("\xc2\xa0%", out);
}

void clg_html_duration(FILE *out, double seconds)
{
    if (!(seconds >= 60 && seconds < 3.6e9)) {
        clg_html_fixed(out, seconds, seconds < 10 ? 2 : 1);
        fputs(isnan(seconds) ? "" : "\xc2\xa0s", out);
        return;
    }
    unsigned long whole = (unsigned long)(seconds + 0.5);
    if (whole >= 3600)
        fprintf(out, "%lu:%02lu:%02lu\xc2\xa0h", whole / 3600, whole / 60 % 60, whole % 60);
    else
        fprintf(out, "%lu:%02lu\xc2\xa0min", whole / 60, whole % 60);
}

void clg_html_count(FILE *out, uint64_t value)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            fputc(',', out);
        fputc(digits[i], out);
    }
}

static void put_base64(FILE *out, const unsigned char *bytes, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned long group = (unsigned long)bytes[i] << 16;
        group |= left > 1 ? (unsigned long)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? bytes[i + 2] : 0;
        fputc(letters[group >> 18], out);
        fputc(letters[group >> 12 & 63], out);
        fputc(left > 1 ? letters[group >> 6 & 63] : '=', out);
        fputc(left > 2 ? letters[group & 63] : '=', out);
    }
}

clg_status clg_html_picture(FILE *out, const unsigned char *pixels, size_t height, size_t width,
                            int channels)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = channels == 4 ? PNG_FORMAT_RGBA : PNG_FORMAT_GRAY};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    unsigned char *bytes = NULL;
    CLG_TRY(clg_alloc(&bytes, size, 1, "a picture"));
    int written = png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL);
    if (written) {
        fputs("data:image/png;base64,", out);
        put_base64(out, bytes, size);
    }
    free(bytes);
    return written ? CLG_OK : clg_fail(CLG_EIO, "a report's picture: libpng: %s", image.message);
}

/* The policy lets nothing in from outside, and no script run, whatever a name may hold. */
void clg_html_begin(struct clg_page *page, FILE *out, const char *title)
{
    page->out = out;
    page->ids = 0;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "img-src data:; style-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          out);
    clg_html_text(out, title);
    fputs("</title>\n<style>\n", out);
    for (size_t i = 0; clg_html_style[i]; i++)
        fputs(clg_html_style[i], out);
    fputs("</style>\n</head>\n<body>\n<main>\n", out);
}

void clg_html_end(struct clg_page *page)
{
    fprintf(page->out,
            "</main>\n<footer>Written by clgrad %s. This page loads nothing and runs no "
            "script.</footer>\n</body>\n</html>\n",
            clg_version());
}

void clg_html_section(struct clg_page *page, const char *id, const char *heading)
{
    fprintf(page->out, "<section id=\"%s\" aria-labelledby=\"%s-h\">\n<h2 id=\"%s-h\">%s</h2>\n",
            id, id, id, heading);
}

void clg_html_section_end(struct clg_page *page)
{
    fputs("</section>\n", page->out);
}
