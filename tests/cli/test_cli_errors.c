/* Bad input: for each case one line on stderr that names what is wrong, the contract's exit code,
 * an empty stdout, and every file as it was. */
#define _GNU_SOURCE
#include "harness.h"
#include "run.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define GOOD "--train good.csv --out new --device ref --epochs 1 "

/* Where a case may write: only the run's folder, and only once its input was found good. */
struct bad_case {
    const char *arguments;
    int code;
    const char *words;       /* that the line must hold */
    const char *environment; /* "" for most */
};

static const struct bad_case usage[] = {
    {"", 2, "no command", ""},
    {"tran --train good.csv", 2, "did you mean train", ""},
    {"--json devices", 2, "--json", ""},
    {"train " GOOD "--bach 3", 2, "--batch", ""},
    {"train " GOOD "--proba", 2, "predict", ""},
    {"eval --model m --data d --lr 1", 2, "train", ""},
    {"train --train good.csv --out", 2, "--out", ""},
    {"train --out --train good.csv", 2, "--out", ""},
    {"train " GOOD "stray", 2, "stray", ""},
    {"train --out new", 2, "--train", ""},
    {"train --train good.csv", 2, "--out", ""},
    {"train " GOOD "--batch 0", 2, "--batch 0", ""},
    {"train " GOOD "--batch -3", 2, "--batch -3", ""},
    {"train " GOOD "--epochs 1.5", 2, "--epochs 1.5", ""},
    {"train " GOOD "--epochs 0", 2, "--epochs 0", ""},
    {"train " GOOD "--lr 0", 2, "--lr 0", ""},
    {"train " GOOD "--lr nan", 2, "--lr nan", ""},
    {"train " GOOD "--lr 1e", 2, "--lr 1e", ""},
    {"train " GOOD "--opt adm", 2, "did you mean adam", ""},
    {"train " GOOD "--layers 0", 2, "--layers", ""},
    {"train " GOOD "--layers -4", 2, "--layers", ""},
    {"train " GOOD "--layers 2147483648", 2, "--layers", ""},
    {"train " GOOD "--layers 16000000,16000000", 2, "--layers", ""},
    {"train " GOOD "--layers 8,,8", 2, "--layers", ""},
    {"train " GOOD "--layers 8:rleu", 2, "relu", ""},
    {"train " GOOD "--layers 8:softmax", 2, "softmax", ""},
    {"train " GOOD "--loss bce --output-act softmax", 2, "bce with sigmoid", ""},
    {"train " GOOD "--train x.npy,y.npy --loss ce --target value", 2, "ce", ""},
    {"train " GOOD "--train x.npy", 2, "X,Y", ""},
    {"train " GOOD "--val good.csv --val-split 0.5", 2, "--val-split", ""},
    {"train " GOOD "--val-split 9", 2, "val-split", ""},
    {"train " GOOD "--normalize range:1", 2, "--normalize", ""},
    {"train " GOOD "--progress lots", 2, "--progress lots", ""},
    {"train " GOOD "--config badkey.ini", 2, "badkey.ini:2", ""},
    {"train " GOOD "--config badline.ini", 2, "badline.ini:1", ""},
    {"predict --model run/last.safetensors --data good.csv --out p.txt", 2, "p.txt", ""},
    {"export --model run/last.safetensors --to pgn --out new", 2, "did you mean png", ""},
    {"export --model run/last.safetensors --out new", 2, "--to", ""},
    {"inspect", 2, "FILE", ""},
    {"verify --model run/last.safetensors", 2, "--data", ""},
    {"verify --quick --full", 2, "--full", ""},
    {"verify --steps 0 --train good.csv", 2, "--steps 0", ""},
    {"eval --data good.csv", 2, "--model", ""},
    {"eval --model run/last.safetensors --data good.csv --loss mse", 2, "--loss mse", ""},
    {"eval --model run/last.safetensors --data good.csv --act tanh", 2, "--act tanh", ""},
    {"predict --model run/last.safetensors --data good.csv --output-act sigmoid", 2,
     "--output-act sigmoid", ""},
    {"predict --model run/last.safetensors --data good.csv --normalize none", 2,
     "--normalize none", ""},
    {"train " GOOD, 2, "CLGRAD_HOST_LIMIT=abc", "CLGRAD_HOST_LIMIT=abc"},
    {"eval --device ref --model run/last.safetensors --data good.csv", 2, "CLGRAD_HOST_LIMIT=-1",
     "CLGRAD_HOST_LIMIT=-1"},
};

static const struct bad_case data[] = {
    {"train " GOOD "--train absent,lab", 3, "absent", ""},
    {"train " GOOD "--train img,absent", 3, "absent", ""},
    {"train " GOOD "--train fashion-mnits", 3, "fashion-mnist", ""},
    {"train " GOOD "--train img-short,lab", 3, "img-short", ""},
    {"train " GOOD "--train img-long,lab", 3, "img-long", ""},
    {"train " GOOD "--train img-huge,lab", 3, "img-huge", ""},
    {"train " GOOD "--train img-magic,lab", 3, "img-magic", ""},
    {"train " GOOD "--train img,lab-nine", 3, "9", ""},
    {"train " GOOD "--train img-header,lab", 3, "img-header", ""},
    {"train " GOOD "--train broken.gz,lab", 3, "broken.gz", ""},
    {"train " GOOD "--train text.csv", 3, "text.csv:3", ""},
    {"train " GOOD "--train ragged.csv", 3, "ragged.csv:4", ""},
    {"train " GOOD "--train nan.csv", 3, "nan.csv:3", ""},
    {"train " GOOD "--train inf.csv", 3, "inf.csv:3", ""},
    {"train " GOOD "--train hole.csv", 3, "hole.csv:3", ""},
    {"train " GOOD "--train quote.csv", 3, "quote.csv", ""},
    {"train " GOOD "--train empty.csv", 3, "empty.csv", ""},
    {"train " GOOD "--train short.npy,y.npy", 3, "short.npy", ""},
    {"train " GOOD "--train nan.npy,y.npy", 3, "nan.npy", ""},
    {"train " GOOD "--train object.npy,y.npy", 3, "object.npy", ""},
    {"train " GOOD "--train x.npy,negative.npy", 3, "negative.npy", ""},
    {"train " GOOD "--train x.npy,y3.npy", 3, "3", ""},
    {"train " GOOD "--init-from other.safetensors", 3, "other.safetensors", ""},
    {"train " GOOD "--test x.npy,y.npy", 3, "3 features", ""},
    {"train " GOOD "--test newclass.csv", 3, "violet", ""},
    {"train " GOOD "--val newclass.csv", 3, "violet", ""},
    {"train " GOOD "--out run --val newclass.csv", 3, "violet", ""},
    {"train " GOOD "--test x2.npy", 3, "x2.npy: has no targets", ""},
    {"train " GOOD "--train huge.csv --normalize none", 3, "huge.csv: row 1, column 0", ""},
    {"eval --model absent --data good.csv", 3, "absent", ""},
    {"eval --model good.csv --data good.csv", 3, "good.csv", ""},
    {"eval --model cut.safetensors --data good.csv", 3, "cut.safetensors", ""},
    {"eval --model flipped.safetensors --data good.csv", 3, "flipped.safetensors", ""},
    {"eval --model huge.safetensors --data good.csv", 3, "huge.safetensors", ""},
    {"eval --device ref --model run/last.safetensors --data x.npy,y.npy", 3, "3 features", ""},
    {"eval --device ref --model other.safetensors --data x.npy,y9.npy", 3, "class 9", ""},
    {"eval --device ref --model run/last.safetensors --data x2.npy", 3, "x2.npy", ""},
    {"eval --device ref --model run/last.safetensors --data newclass.csv", 3, "violet", ""},
    {"predict --device ref --model run/last.safetensors --data x.npy", 3, "3", ""},
    {"predict --device ref --model run/last.safetensors --data hole.csv", 3,
     "hole.csv:3: column 1 (\"b\"): is empty", ""},
    {"predict --device ref --model run/last.safetensors --data - < text.csv", 3,
     "standard input:3: column 1 (\"b\"): \"four\"", ""},
    {"verify --device ref --model run/last.safetensors --data x.npy,y.npy", 3, "3 features", ""},
    {"inspect absent", 3, "absent", ""},
    {"inspect badkey.ini", 3, "badkey.ini", ""},
    {"export --model cut.safetensors --to npy --out new", 3, "cut.safetensors", ""},
};

static const struct bad_case files[] = {
    {"train " GOOD "--out good.csv/run", 4, "good.csv", ""},
    {"train " GOOD "--out good.csv", 4, "good.csv", ""},
    {"predict --device ref --model run/last.safetensors --data good.csv --out nowhere/p.csv", 4,
     "nowhere/p.csv", ""},
    {"export --model run/last.safetensors --to png --out nowhere/p.png", 4, "nowhere/p.png", ""},
    {"train " GOOD "--config absent.ini", 3, "absent.ini", ""},
    {"eval --device ref --model run/last.safetensors --data good.csv > /dev/full", 4,
     "standard output", ""},
    {"--version >&-", 4, "standard output", ""},
    {"train --train good.csv --out new", 5, "OpenCL", NO_PLATFORM},
    {"eval --model run/last.safetensors --data good.csv", 5, "OpenCL", NO_PLATFORM},
    {"train " GOOD "--device nosuchdevice", 5, "", ""},
    {"train " GOOD "--device 99:0", 5, "", ""},
    {"verify", 5, "OpenCL", NO_PLATFORM},
    {"train --train img,lab --out new --device ref --layers 512", 6, "CLGRAD_HOST_LIMIT",
     "CLGRAD_HOST_LIMIT=20000"},
    {"train " GOOD "--lr 1e30 --opt sgd --layers 8 --epochs 50 --progress none", 7, "diverged", ""},
};

static void write_tables(void)
{
    run_write_text("good.csv",
                   "a,b,colour\n1,2,red\n3,1,blue\n2,5,red\n4,1,blue\n7,3,red\n0,2,blue\n");
    run_write_text("newclass.csv", "a,b,colour\n1,2,red\n3,1,violet\n");
    run_write_text("huge.csv", "a,b,c\n1,2,0\n1e300,4,1\n");
    run_write_text("text.csv", "a,b,c\n1,2,0\n3,four,1\n5,6,0\n");
    run_write_text("ragged.csv", "a,b,c\n1,2,0\n3,4,1\n5,0\n");
    run_write_text("nan.csv", "a,b,c\n1,2,0\n3,nan,1\n");
    run_write_text("inf.csv", "a,b,c\n1,2,0\n3,1e999,1\n");
    run_write_text("hole.csv", "a,b,c\n1,2,0\n3,,1\n");
    run_write_text("quote.csv", "a,b,c\n1,2,\"red\n3,4,blue\n");
    run_write_text("empty.csv", "");
    run_write_text("badkey.ini", "[learning]\nlearning-speed = 3\n");
    run_write_text("badline.ini", "epochs 3\n");
}

static void write_images(void)
{
    static const uint32_t img[] = {8, 4, 4}, lab[] = {8}, nine[] = {9};
    static const uint32_t huge[] = {0xffffffffu, 0xffffffffu, 0xffffffffu};
    run_write_idx("img", img, 3, 0);
    run_write_idx("img-short", img, 3, -1);
    run_write_idx("img-long", img, 3, 1);
    run_write_idx("img-huge", huge, 3, 0);
    run_write_idx("lab", lab, 1, 0);
    run_write_idx("lab-nine", nine, 1, 0);
    run_write("img-header", "\0\0\10\3\0\0", 6);
    run_write("img-magic", "\0\1\10\3\0\0\0\1\0\0\0\1\0\0\0\1\0", 17);
    run_write("broken.gz", "\x1f\x8b\x08\0\0\0\0\0\0\3junk", 14);
}

static void write_arrays(void)
{
    float x[4 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 4}, bad[4 * 3];
    int32_t y[4] = {0, 1, 0, 1}, negative[4] = {0, -1, 0, 1}, nine[4] = {0, 9, 1, 0};
    memcpy(bad, x, sizeof x);
    bad[4] = (float)NAN;
    run_write_npy("x.npy", "<f4", "(4, 3)", x, sizeof x);
    run_write_npy("x2.npy", "<f4", "(4, 2)", x, 32);
    run_write_npy("short.npy", "<f4", "(4, 3)", x, sizeof x - 4);
    run_write_npy("nan.npy", "<f4", "(4, 3)", bad, sizeof bad);
    run_write_npy("object.npy", "|O", "(4, 3)", x, sizeof x);
    run_write_npy("y.npy", "<i4", "(4,)", y, sizeof y);
    run_write_npy("y3.npy", "<i4", "(3,)", y, 12);
    run_write_npy("y9.npy", "<i4", "(4,)", nine, sizeof nine);
    run_write_npy("negative.npy", "<i4", "(4,)", negative, sizeof negative);
}

/* A good model in run/, and bad ones made from it. */
static void write_models(struct run *run)
{
    size_t size;
    run_clgrad(run, "", "train --train good.csv --out run --device ref --epochs 2");
    ck_assert_msg(run->code == 0, "%s", run->err);
    run_clgrad(run, "", "train --train x.npy,y.npy --out other --device ref --epochs 1");
    ck_assert_msg(run->code == 0, "%s", run->err);
    char *model = run_read("other/last.safetensors", &size);
    run_write("other.safetensors", model, size);
    free(model);
    model = run_read("run/last.safetensors", &size);
    run_write("cut.safetensors", model, size - 1);
    model[size - 2] ^= 1;
    run_write("flipped.safetensors", model, size);
    memset(model, 0xff, 8);
    run_write("huge.safetensors", model, size);
    free(model);
}

static struct run run;

static void setup(void)
{
    run_folder_enter();
    write_tables();
    write_images();
    write_arrays();
    write_models(&run);
}

static void one_case(const struct bad_case *bad)
{
    run_remove("new");
    uint32_t before = run_snapshot("new");
    run_clgrad(&run, bad->environment, bad->arguments);
    ck_assert_msg(run.code == bad->code, "clgrad %s: exit %d, wanted %d: %s", bad->arguments,
                  run.code, bad->code, run.err);
    ck_assert_msg(run_lines(run.err) == 1 && strncmp(run.err, "clgrad: ", 8) == 0 &&
                      strlen(run.err) < 700,
                  "clgrad %s: not one line: %s", bad->arguments, run.err);
    ck_assert_msg(strstr(run.err, bad->words), "clgrad %s: no \"%s\" in: %s", bad->arguments,
                  bad->words, run.err);
    ck_assert_msg(!*run.out, "clgrad %s: on stdout: %s", bad->arguments, run.out);
    ck_assert_msg(before == run_snapshot("new"), "clgrad %s: changed a file", bad->arguments);
    ck_assert_msg(bad->code >= 5 || !run_exists("new"), "clgrad %s: made its folder",
                  bad->arguments);
}

START_TEST(bad_usage)
{
    one_case(&usage[_i]);
}
END_TEST

START_TEST(bad_data)
{
    one_case(&data[_i]);
}
END_TEST

START_TEST(bad_files_and_devices)
{
    one_case(&files[_i]);
}
END_TEST

START_TEST(folder_in_use)
{
    int folder = open("run", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(flock(folder, LOCK_EX), 0);
    struct bad_case busy = {"train --train good.csv --out run --device ref", 4, "in use", ""};
    one_case(&busy);
    close(folder);
    run_clgrad(&run, "", "train --train good.csv --out run --device ref --epochs 1");
    ck_assert_int_eq(run.code, 0);
}
END_TEST

START_TEST(no_platform_still_lists_the_reference)
{
    run_clgrad(&run, NO_PLATFORM, "devices");
    ck_assert_int_eq(run.code, 5);
    ck_assert_int_eq(run_lines(run.err), 1);
    ck_assert_ptr_nonnull(strstr(run.out, "ref"));
    run_clgrad(&run, NO_PLATFORM, "eval --device ref --model run/last.safetensors --data good.csv");
    ck_assert_msg(run.code == 0, "%s", run.err);
}
END_TEST

/* A training that diverges leaves what an earlier save held readable. */
START_TEST(diverged_run_keeps_its_folder_usable)
{
    run_remove("new");
    run_clgrad(&run, "", "train " GOOD "--lr 1e30 --opt sgd --layers 8 --epochs 50 -q");
    ck_assert_int_eq(run.code, 7);
    ck_assert(run_exists("new/config.ini"));
    run_clgrad(&run, "", "train " GOOD "-q");
    ck_assert_msg(run.code == 0, "%s", run.err);
}
END_TEST

#define COUNT(cases) ((int)(sizeof(cases) / sizeof *(cases)))

int main(void)
{
    Suite *suite = suite_create("cli errors");
    TCase *cases = tcase_create("cases");
    tcase_add_unchecked_fixture(cases, setup, NULL);
    tcase_add_loop_test(cases, bad_usage, 0, COUNT(usage));
    tcase_add_loop_test(cases, bad_data, 0, COUNT(data));
    tcase_add_loop_test(cases, bad_files_and_devices, 0, COUNT(files));
    tcase_add_test(cases, folder_in_use);
    tcase_add_test(cases, no_platform_still_lists_the_reference);
    tcase_add_test(cases, diverged_run_keeps_its_folder_usable);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
