// SPDX-License-Identifier: LGPL-2.1-or-later

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include "test.h"

static Test *tests, **tests_end = &tests;
static jmp_buf skipped;

void test_register(Test *test) {
        *tests_end = test;
        tests_end = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...) {
        va_list arguments;

        fprintf(stderr, "%s:%d: ", file, line);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        abort();
}

void test_skip(const char *reason) {
        printf("skipped: %s\n", reason);
        longjmp(skipped, 1);
}

const char *test_corpus(const char *relative) {
        static char path[4096];
        const char *folder = getenv("BLAST_CORPORA");

        if (!folder || access(folder, R_OK) < 0)
                return NULL;
        snprintf(path, sizeof(path), "%s/%s", folder, relative);
        return path;
}

int main(int argc, char *argv[]) {
        volatile int n_run = 0, n_skipped = 0;

        setvbuf(stdout, NULL, _IOLBF, 0);
        for (Test *volatile test = tests; test; test = test->next) {
                if (argc > 1 && strcmp(argv[1], test->name) != 0)
                        continue;
                printf("%s\n", test->name);
                if (setjmp(skipped)) {
                        n_skipped++;
                        continue;
                }
                test->run();
                n_run++;
        }
        printf("%d run, %d skipped\n", n_run, n_skipped);
        return n_run == 0 && n_skipped > 0 ? 77 : 0;
}
