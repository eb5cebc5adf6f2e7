// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/guarantee-record.h"
#include "test.h"

TEST(record_comes_back_and_a_broken_one_is_refused) {
        _cleanup_guarantees_ Guarantees first = {}, back = {}, none = {};
        char path[] = "/tmp/blast-guarantees-XXXXXX";

        ASSERT_NOT_NULL(mkdtemp(path));
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_ERROR(guarantee_record_load(fd, &none), ENOENT);
        ASSERT_OK(guarantees_add(
                        &first, "network-none", GUARANTEE_HELD, "net namespace", "Refused."));
        ASSERT_OK(guarantee_record_store(fd, &first));
        ASSERT_OK(guarantee_record_store(fd, &first));
        ASSERT_OK(guarantee_record_load(fd, &back));
        ASSERT_INT(back.n_items, 1);
        ASSERT_STREQ(back.items[0].name, "network-none");
        ASSERT_INT(back.items[0].state, GUARANTEE_HELD);
        ASSERT_OK(file_replace_at(fd, "guarantees", "GUAR", 4, 0600));
        ASSERT_ERROR(guarantee_record_load(fd, &none), EBADMSG);
        ASSERT_OK(tree_remove_at(AT_FDCWD, path));
}
