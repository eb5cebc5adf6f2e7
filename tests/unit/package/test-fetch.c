// SPDX-License-Identifier: LGPL-2.1-or-later

/* Transfers from a real server on the loopback device (tests/fakes/index.py), started once for the
 * whole program. Faults are written into the addresses; see the head of that file. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "fake-index.h"
#include "package/fetch-target.h"
#include "package/fetch.h"
#include "package/index.h"
#include "package/url.h"
#include "test.h"

#define WHEEL FAKE_WHEEL

static int download_fd = -EBADF;

static void need_server(void) {
        download_fd = fake_index_need()->download_fd;
}

/* One transfer and what became of it. */
typedef struct Outcome {
        FetchAnswer answer;
        int body_fd;
        size_t n_progress;
        sd_event *event;
        size_t *n_left;
} Outcome;

static void outcome_done(Outcome *outcome) {
        fetch_answer_done(&outcome->answer);
        outcome->body_fd = fd_close(outcome->body_fd);
}
#define _cleanup_outcome_ _cleanup_(outcome_done)

static void on_done(FetchAnswer *answer, int *body_fd, void *userdata) {
        Outcome *outcome = userdata;

        outcome->answer = TAKE(*answer, (FetchAnswer){});
        outcome->body_fd = TAKE_FD(*body_fd);
        if (!outcome->n_left || --*outcome->n_left == 0)
                (void) sd_event_exit(outcome->event, 0);
}

static void on_progress(const FetchProgress *progress, void *userdata) {
        ((Outcome *) userdata)->n_progress++;
}

static const IndexSettings defaults = {
        .n_requests_max = 10,
        .timeout_sec = 10,
        .verify_tls = true,
};

static Outcome fetch_with(const IndexSettings *settings, FetchRequest request) {
        _cleanup_(fetcher_freep) Fetcher *fetcher = NULL;
        Outcome outcome = { .body_fd = -EBADF };

        request.id = 42;
        ASSERT_OK(sd_event_new(&outcome.event));
        ASSERT_OK(fetcher_new(outcome.event, settings, download_fd, &fetcher));
        ASSERT_OK(
                        fetcher_start(fetcher,
                                      &request,
                                      &(FetchCallbacks){ on_done, on_progress, &outcome },
                                      NULL));
        ASSERT_OK(sd_event_loop(outcome.event));
        fetcher = fetcher_free(fetcher);
        outcome.event = sd_event_unref(outcome.event);
        ASSERT_INT(outcome.answer.id, 42);
        return outcome;
}

static Outcome fetch_path(FetchKind kind, const char *path) {
        _cleanup_(freep) char *url = fake_index_url(path);

        return fetch_with(&defaults, (FetchRequest){ .kind = kind, .url = url });
}

static void
assert_fault_with(const IndexSettings *settings, FetchRequest request, FaultCode wanted) {
        _cleanup_outcome_ Outcome outcome = fetch_with(settings, request);

        if (outcome.answer.fault.code != wanted)
                test_fail(__FILE__,
                          __LINE__,
                          "%s: fault is %s (%s), wanted %s",
                          request.url,
                          fault_code_to_string(outcome.answer.fault.code),
                          outcome.answer.fault.message,
                          fault_code_to_string(wanted));
        ASSERT_NOT_NULL(outcome.answer.fault.message);
        ASSERT_INT(outcome.body_fd, -EBADF);
}

static void assert_fault(FetchKind kind, const char *path, FaultCode wanted) {
        _cleanup_(freep) char *url = fake_index_url(path);

        assert_fault_with(&defaults, (FetchRequest){ .kind = kind, .url = url }, wanted);
}

static size_t count_files(int fd) {
        DIR *list = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        size_t n = 0;

        ASSERT_NOT_NULL(list);
        for (const struct dirent *entry; (entry = readdir(list));)
                n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
        closedir(list);
        return n;
}

TEST(page_arrives_in_a_sealed_file_with_its_type_and_etag) {
        need_server();
        _cleanup_outcome_ Outcome outcome = fetch_path(FETCH_PAGE, "/simple/demo/");
        const void *body;
        size_t size;

        ASSERT_NULL(outcome.answer.fault.message);
        ASSERT_INT(outcome.answer.status, 200);
        ASSERT_STREQ(outcome.answer.content_type, "application/vnd.pypi.simple.v1+json");
        ASSERT_NOT_NULL(outcome.answer.etag);
        ASSERT_OK(memfd_map_sealed(outcome.body_fd, 100000, &body, &size));
        ASSERT_INT(size, outcome.answer.size_bytes);

        _cleanup_(index_page_freep) IndexPage *page = NULL;
        IndexSource source = { "demo", outcome.answer.url, outcome.answer.content_type, false };
        ASSERT_OK(index_page_parse(&source, body, size, &page, NULL));
        ASSERT_INT(page->n_files, 1);
        ASSERT_TRUE(page->files[0].has_metadata);
        (void) munmap((void *) body, size);
}

TEST(page_that_has_not_changed_is_not_sent_again) {
        need_server();
        _cleanup_outcome_ Outcome first = fetch_path(FETCH_PAGE, "/simple/demo/");
        _cleanup_(freep) char *url = fake_index_url("/simple/demo/");
        _cleanup_outcome_ Outcome second =
                        fetch_with(&defaults,
                                   (FetchRequest){ .kind = FETCH_PAGE,
                                                   .url = url,
                                                   .etag = first.answer.etag });

        ASSERT_NULL(second.answer.fault.message);
        ASSERT_INT(second.answer.status, 304);
        ASSERT_FALSE(second.answer.has_body);
        ASSERT_INT(second.body_fd, -EBADF);
}

TEST(wheel_is_stored_under_its_digest_and_found_there_again) {
        need_server();
        _cleanup_outcome_ Outcome first = fetch_path(FETCH_WHEEL, "/files/demo/" WHEEL);
        char name[FETCH_WHEEL_NAME_SIZE];
        Digest digest;
        struct stat status;

        ASSERT_NULL(first.answer.fault.message);
        ASSERT_OK(digest_of_fd(first.body_fd, &digest));
        ASSERT_TRUE(digest_equals(&digest, &first.answer.digest));
        ASSERT_INT(fcntl(first.body_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        fetch_wheel_name(&digest, name);
        ASSERT_OK(fstatat(download_fd, name, &status, 0));
        ASSERT_INT(count_files(download_fd), 1);

        /* The second time the server is not asked, though the address would fail. */
        _cleanup_(freep) char *url = fake_index_url("/fault/status:500/files/demo/" WHEEL);
        IndexSettings offline = defaults;
        offline.offline = true;
        _cleanup_outcome_ Outcome second =
                        fetch_with(&offline,
                                   (FetchRequest){ .kind = FETCH_WHEEL,
                                                   .url = url,
                                                   .has_digest = true,
                                                   .digest = digest });
        ASSERT_NULL(second.answer.fault.message);
        ASSERT_INT(second.answer.size_bytes, status.st_size);
        ASSERT_TRUE(second.body_fd >= 0);

        /* A stored copy that was changed is not believed. */
        ASSERT_OK(unlinkat(download_fd, name, 0));
        ASSERT_OK(file_replace_at(download_fd, name, "changed", 7, 0400));
        _cleanup_(freep) char *good = fake_index_url("/files/demo/" WHEEL);
        _cleanup_outcome_ Outcome third =
                        fetch_with(&defaults,
                                   (FetchRequest){ .kind = FETCH_WHEEL,
                                                   .url = good,
                                                   .has_digest = true,
                                                   .digest = digest });
        ASSERT_NULL(third.answer.fault.message);
        ASSERT_OK(digest_of_fd(third.body_fd, &third.answer.digest));
        ASSERT_TRUE(digest_equals(&third.answer.digest, &digest));
        ASSERT_OK(unlinkat(download_fd, name, 0));
}

TEST(wheel_with_another_digest_is_refused_and_leaves_nothing) {
        need_server();
        _cleanup_(freep) char *url = fake_index_url("/files/demo/" WHEEL);

        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_WHEEL, .url = url, .has_digest = true },
                        FAULT_HASH_MISMATCH);
        assert_fault(FETCH_WHEEL, "/fault/truncate:10/files/demo/" WHEEL, FAULT_DOWNLOAD_TRUNCATED);
        ASSERT_INT(count_files(download_fd), 0);
}

TEST(partial_file_of_a_killed_writer_is_removed) {
        need_server();
        ASSERT_OK(file_replace_at(download_fd, ".0123456789abcdef.partial", "x", 1, 0400));
        fetch_target_clean(download_fd);
        ASSERT_INT(count_files(download_fd), 0);
}

TEST(failures_are_told_apart) {
        need_server();
        assert_fault(FETCH_PAGE, "/simple/absent/", FAULT_INDEX_NOT_FOUND);
        assert_fault(FETCH_PAGE, "/fault/status:410/simple/demo/", FAULT_INDEX_NOT_FOUND);
        assert_fault(FETCH_PAGE, "/fault/status:500/simple/demo/", FAULT_INDEX_UNAVAILABLE);
        assert_fault(FETCH_PAGE, "/fault/status:403/simple/demo/", FAULT_ACCESS_DENIED);
        assert_fault(FETCH_PAGE, "/fault/status:418/simple/demo/", FAULT_INDEX_INVALID);
        assert_fault(FETCH_PAGE, "/fault/truncate:20/simple/demo/", FAULT_DOWNLOAD_TRUNCATED);
        assert_fault(FETCH_PAGE, "/fault/close/simple/demo/", FAULT_INDEX_UNAVAILABLE);
        assert_fault(FETCH_PAGE, "/fault/redirect/simple/demo/", FAULT_INDEX_INVALID);
        assert_fault(FETCH_PAGE,
                     "/fault/redirect:file%3A%2F%2F%2Fetc%2Fpasswd/simple/demo/",
                     FAULT_INDEX_INVALID);
        assert_fault(FETCH_PAGE,
                     "/fault/redirect:gopher%3A%2F%2F127.0.0.1%2F/simple/demo/",
                     FAULT_INDEX_INVALID);
}

TEST(addresses_of_no_server_and_of_no_kind) {
        need_server();
        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_PAGE,
                                        .url = (char *) "http://127.0.0.1:1/simple/" },
                        FAULT_INDEX_UNAVAILABLE);
        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_PAGE,
                                        .url = (char *) "ftp://127.0.0.1/simple/" },
                        FAULT_INDEX_INVALID);
        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_PAGE, .url = (char *) "http://" },
                        FAULT_INDEX_INVALID);
}

TEST(passing_failures_are_tried_again) {
        need_server();
        IndexSettings settings = defaults;
        settings.n_retries = 2;
        static const char *const paths[] = {
                "/fault/status:503*2/simple/demo/",
                "/fault/status:429:1*1/simple/demo/",
                "/fault/truncate:9*1/simple/demo/",
                "/fault/close*1/simple/demo/",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(freep) char *url = fake_index_url(paths[i]);
                _cleanup_outcome_ Outcome outcome = fetch_with(
                                &settings, (FetchRequest){ .kind = FETCH_PAGE, .url = url });

                ASSERT_NULL(outcome.answer.fault.message);
                ASSERT_TRUE(outcome.answer.size_bytes > 100);
        }
        /* A server that wants us away for long is not asked again. */
        _cleanup_(freep) char *url = fake_index_url("/fault/status:429:3600*1/simple/demo/");
        assert_fault_with(
                        &settings,
                        (FetchRequest){ .kind = FETCH_PAGE, .url = url },
                        FAULT_INDEX_UNAVAILABLE);
}

TEST(server_that_stalls_or_trickles_times_out) {
        need_server();
        IndexSettings settings = defaults;
        settings.timeout_sec = 1;
        static const char *const paths[] = {
                "/fault/stall:30/simple/demo/",
                "/fault/hang:5/simple/demo/",
                "/fault/slow:20/simple/demo/",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(freep) char *url = fake_index_url(paths[i]);
                assert_fault_with(
                                &settings,
                                (FetchRequest){ .kind = FETCH_PAGE, .url = url },
                                FAULT_INDEX_TIMEOUT);
        }
}

TEST(size_limit_counts_decompressed_bytes) {
        need_server();
        _cleanup_(freep) char *bomb = fake_index_url("/fault/bomb:32/simple/demo/");
        _cleanup_(freep) char *plain = fake_index_url("/simple/demo/");

        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_PAGE,
                                        .url = bomb,
                                        .size_max_bytes = 1024 * 1024 },
                        FAULT_LIMIT_EXCEEDED);
        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_PAGE, .url = plain, .size_max_bytes = 100 },
                        FAULT_LIMIT_EXCEEDED);
}

TEST(byte_ranges_are_asked_for) {
        need_server();
        _cleanup_(freep) char *url = fake_index_url("/files/demo/" WHEEL);
        _cleanup_outcome_ Outcome whole =
                        fetch_with(&defaults, (FetchRequest){ .kind = FETCH_METADATA, .url = url });
        _cleanup_outcome_ Outcome tail = fetch_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_METADATA, .url = url, .length = 22 });
        _cleanup_outcome_ Outcome middle =
                        fetch_with(&defaults,
                                   (FetchRequest){
                                                   .kind = FETCH_METADATA,
                                                   .url = url,
                                                   .offset = 2,
                                                   .length = 3,
                                                   .offset_from_start = true,
                                   });
        char bytes[23] = {};

        ASSERT_INT(tail.answer.status, 206);
        ASSERT_INT(tail.answer.size_bytes, 22);
        ASSERT_INT(tail.answer.total_bytes, whole.answer.size_bytes);
        ASSERT_INT(pread(tail.body_fd, bytes, 22, 0), 22);
        ASSERT_INT(memcmp(bytes, "PK\005\006", 4), 0);
        ASSERT_INT(middle.answer.size_bytes, 3);
        ASSERT_INT(pread(middle.body_fd, bytes, 3, 0), 3);
        ASSERT_INT(memcmp(bytes, "\003\004", 2), 0);
}

TEST(offline_refuses_the_network_only) {
        need_server();
        IndexSettings settings = defaults;
        settings.offline = true;
        _cleanup_(freep) char *url = fake_index_url("/simple/demo/");

        assert_fault_with(
                        &settings, (FetchRequest){ .kind = FETCH_PAGE, .url = url }, FAULT_OFFLINE);

        _cleanup_(freep) char *local = url_from_path(fake_index_need()->directory);
        _cleanup_outcome_ Outcome listing =
                        fetch_with(&settings, (FetchRequest){ .kind = FETCH_PAGE, .url = local });
        ASSERT_NULL(listing.answer.fault.message);
        ASSERT_STREQ(listing.answer.content_type, INDEX_TYPE_DIRECTORY);
        ASSERT_TRUE(text_ends_with(text_of(listing.answer.url), "/"));
}

TEST(local_files_are_copied_and_absent_ones_told) {
        need_server();
        _cleanup_(freep) char *path = string_format(
                        "%s/local-1.0-py3-none-any.whl", fake_index_need()->directory);
        _cleanup_(freep) char *url = url_from_path(path);
        _cleanup_(freep) char *big = new0(char, 9 * MEBIBYTE);
        char name[FETCH_WHEEL_NAME_SIZE];

        ASSERT_OK(
                        file_replace_at(fake_index_need()->directory_fd,
                                        "local-1.0-py3-none-any.whl",
                                        big,
                                        9 * MEBIBYTE,
                                        0600));
        _cleanup_outcome_ Outcome outcome =
                        fetch_with(&defaults, (FetchRequest){ .kind = FETCH_WHEEL, .url = url });
        ASSERT_NULL(outcome.answer.fault.message);
        ASSERT_INT(outcome.answer.size_bytes, 9 * MEBIBYTE);
        fetch_wheel_name(&outcome.answer.digest, name);
        ASSERT_OK(unlinkat(download_fd, name, 0));
        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_WHEEL,
                                        .url = (char *) "file:///absent/x.whl" },
                        FAULT_INDEX_NOT_FOUND);
        assert_fault_with(
                        &defaults,
                        (FetchRequest){ .kind = FETCH_WHEEL, .url = (char *) "file:///dev/zero" },
                        FAULT_INDEX_UNAVAILABLE);
}

TEST(credentials_are_never_echoed) {
        need_server();
        _cleanup_(freep) char *url =
                        string_format("http://user:secret@%s/simple/absent/",
                                      fake_index_need()->root + strlen("http://"));
        _cleanup_(freep) char *good =
                        string_format("http://user:secret@%s/simple/demo/",
                                      fake_index_need()->root + strlen("http://"));
        _cleanup_outcome_ Outcome outcome =
                        fetch_with(&defaults, (FetchRequest){ .kind = FETCH_PAGE, .url = url });
        _cleanup_outcome_ Outcome page =
                        fetch_with(&defaults, (FetchRequest){ .kind = FETCH_PAGE, .url = good });

        ASSERT_INT(outcome.answer.fault.code, FAULT_INDEX_NOT_FOUND);
        ASSERT_NULL(strstr(outcome.answer.fault.message, "secret"));
        ASSERT_NULL(strstr(outcome.answer.fault.subject, "secret"));
        ASSERT_NULL(strstr(page.answer.url, "secret"));
}

TEST(more_requests_than_may_run_all_end) {
        need_server();
        IndexSettings settings = defaults;
        settings.n_requests_max = 3;
        _cleanup_(fetcher_freep) Fetcher *fetcher = NULL;
        _cleanup_(freep) char *url = fake_index_url("/simple/demo/");
        enum {
                N = 40
        };
        Outcome outcomes[N] = {};
        size_t n_left = N;
        sd_event *event;

        ASSERT_OK(sd_event_new(&event));
        ASSERT_OK(fetcher_new(event, &settings, download_fd, &fetcher));
        for (size_t i = 0; i < N; i++) {
                FetchRequest request = { .id = i, .kind = FETCH_PAGE, .url = url };
                outcomes[i] = (Outcome){ .body_fd = -EBADF, .event = event, .n_left = &n_left };
                ASSERT_OK(fetcher_start(
                                fetcher,
                                &request,
                                &(FetchCallbacks){ .on_done = on_done, .userdata = outcomes + i },
                                NULL));
        }
        ASSERT_OK(sd_event_loop(event));
        for (size_t i = 0; i < N; i++) {
                ASSERT_INT(outcomes[i].answer.status, 200);
                ASSERT_INT(outcomes[i].answer.id, i);
                outcome_done(outcomes + i);
        }
        fetcher = fetcher_free(fetcher);
        sd_event_unref(event);
}

TEST(cancelled_transfers_call_nobody) {
        need_server();
        _cleanup_(fetcher_freep) Fetcher *fetcher = NULL;
        _cleanup_(freep) char *slow = fake_index_url("/fault/hang:5/simple/demo/"),
                              *url = fake_index_url("/simple/demo/");
        Outcome outcome = { .body_fd = -EBADF }, cancelled = { .body_fd = -EBADF };
        FetchRequest request = { .id = 1, .kind = FETCH_WHEEL, .url = slow },
                     other = { .id = 2, .kind = FETCH_PAGE, .url = url };
        Fetch *fetch = NULL;

        ASSERT_OK(sd_event_new(&outcome.event));
        ASSERT_OK(fetcher_new(outcome.event, &defaults, download_fd, &fetcher));
        ASSERT_OK(fetcher_start(
                        fetcher,
                        &request,
                        &(FetchCallbacks){ .on_done = on_done, .userdata = &cancelled },
                        &fetch));
        ASSERT_OK(
                        fetcher_start(fetcher,
                                      &other,
                                      &(FetchCallbacks){ .on_done = on_done, .userdata = &outcome },
                                      NULL));
        ASSERT_OK(sd_event_loop(outcome.event));
        ASSERT_INT(cancelled.answer.id, 0);
        ASSERT_NULL(fetch_free(fetch));
        ASSERT_INT(outcome.answer.id, 2);
        ASSERT_INT(count_files(download_fd), 0);
        fetcher = fetcher_free(fetcher);
        sd_event_unref(outcome.event);
        outcome_done(&outcome);
}

TEST(credentials_of_an_index_go_to_its_own_origin_only) {
        need_server();
        const char *host = fake_index_need()->root + strlen("http://");
        _cleanup_(freep) char *index_url = string_format("http://user:secret@%s/simple", host);
        _cleanup_(freep) char *wrong_url = string_format("http://user:secret@%s0/simple", host);
        _cleanup_(freep) char *file = fake_index_url("/fault/auth:user%3Asecret/files/demo/" WHEEL);
        IndexSettings settings = defaults;

        assert_fault_with(
                        &settings,
                        (FetchRequest){ .kind = FETCH_METADATA, .url = file },
                        FAULT_ACCESS_DENIED);
        settings.index_url = wrong_url;
        assert_fault_with(
                        &settings,
                        (FetchRequest){ .kind = FETCH_METADATA, .url = file },
                        FAULT_ACCESS_DENIED);
        settings.index_url = index_url;
        _cleanup_outcome_ Outcome outcome = fetch_with(
                        &settings, (FetchRequest){ .kind = FETCH_METADATA, .url = file });
        ASSERT_NULL(outcome.answer.fault.message);
        ASSERT_INT(outcome.answer.status, 200);
}
