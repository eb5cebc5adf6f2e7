// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/lock.h"
#include "test.h"

/* beta needs nothing, alpha needs beta. */
static Lock *make_lock(LockPackage *packages) {
        static const uint32_t needs[] = { 1 };
        static Lock lock;

        packages[0] = (LockPackage){
                .name = "alpha",
                .version = "1.0",
                .filename = "alpha-1.0-py3-none-any.whl",
                .url = "https://index.example/alpha-1.0-py3-none-any.whl",
                .digest = { { 1, 2, 3 } },
                .size_bytes = 1234,
                .is_direct = true,
                .needs = needs,
                .n_needs = 1,
        };
        packages[1] = (LockPackage){
                .name = "beta",
                .version = "2!1.0+local",
                .filename = "beta-2!1.0+local-py3-none-any.whl",
                .url = "https://index.example/beta.whl",
        };
        lock = (Lock){ .packages = packages, .n_packages = 2, .input_digest = { { 9 } } };
        return &lock;
}

static int decode_changed(const Lock *lock) {
        _cleanup_(lock_freep) Lock *back = NULL;
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(lock_encode(lock, &data, &size));
        return lock_decode(data, size, &back);
}

TEST(lock_comes_back_whole) {
        _cleanup_(lock_freep) Lock *back = NULL;
        _cleanup_(freep) void *data = NULL;
        LockPackage packages[2];
        size_t size;

        ASSERT_OK(lock_encode(make_lock(packages), &data, &size));
        ASSERT_OK(lock_decode(data, size, &back));
        ASSERT_INT(back->n_packages, 2);
        ASSERT_STREQ(back->packages[0].name, "alpha");
        ASSERT_STREQ(back->packages[1].version, "2!1.0+local");
        ASSERT_INT(back->packages[0].size_bytes, 1234);
        ASSERT_TRUE(back->packages[0].is_direct);
        ASSERT_INT(back->packages[0].n_needs, 1);
        ASSERT_INT(back->packages[0].needs[0], 1);
        ASSERT_INT(back->packages[0].digest.bytes[2], 3);
        ASSERT_INT(back->input_digest.bytes[0], 9);
        ASSERT_TRUE(lock_find(back, "beta") == &back->packages[1]);
        ASSERT_NULL(lock_find(back, "gamma"));
}

TEST(names_out_of_order_or_not_normalised_are_refused) {
        static const char *const wrong[] = { "beta",   "zeta",    "Alpha", "al.pha",
                                             "-alpha", "al--pha", "" };
        LockPackage packages[2];

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Lock *lock = make_lock(packages);
                packages[0].name = wrong[i];
                ASSERT_ERROR(decode_changed(lock), EBADMSG);
        }
}

TEST(file_names_that_are_paths_are_refused) {
        static const char *const wrong[] = { "../a.whl", "a/b.whl", ".hidden", "a\nb.whl", "" };
        LockPackage packages[2];

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Lock *lock = make_lock(packages);
                packages[0].filename = wrong[i];
                ASSERT_ERROR(decode_changed(lock), EBADMSG);
        }
}

TEST(needs_beyond_the_end_are_refused) {
        static const uint32_t needs[] = { 2 };
        LockPackage packages[2];
        Lock *lock = make_lock(packages);

        packages[0].needs = needs;
        ASSERT_ERROR(decode_changed(lock), EBADMSG);
}

TEST(every_cut_is_refused) {
        _cleanup_(freep) void *data = NULL;
        LockPackage packages[2];
        size_t size;

        ASSERT_OK(lock_encode(make_lock(packages), &data, &size));
        for (size_t cut = 0; cut < size; cut++) {
                _cleanup_(freep) void *part = memory_copy(data, cut);
                _cleanup_(lock_freep) Lock *back = NULL;
                ASSERT_ERROR(lock_decode(part, cut, &back), EBADMSG);
        }
}
