// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* tests/fakes/index.py as a child of a unit test: started by the first test that needs it, killed at
 * exit. It offers "demo" 1.0, which requires "other". Faults are written into the addresses; see the
 * head of that file. */

#define FAKE_WHEEL "demo-1.0-py3-none-any.whl"

typedef struct FakeIndex {
        char *root;      /* "http://127.0.0.1:port" */
        char *directory; /* of this run, removed at exit */
        int directory_fd;
        int download_fd; /* an empty directory in it */
} FakeIndex;

/* Skips the test where there is no Python to run it. */
const FakeIndex *fake_index_need(void);
/* The address of @path there. Ends the test when memory is out. */
char *fake_index_url(const char *path);
