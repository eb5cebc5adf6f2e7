// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/catalogue-internal.h"
#include "package/url.h"

/* Releases: find-links first, then one index after the other until one has the package. */

static size_t n_links(const Catalogue *catalogue) {
        return strings_count(catalogue->input.find_links);
}

static bool is_link(const Catalogue *catalogue, const Task *task) {
        return task->position < n_links(catalogue);
}

/* The source the task is at, NULL behind the last one. */
static const char *source_of(const Catalogue *catalogue, const Task *task) {
        size_t n = n_links(catalogue);

        if (task->position < n)
                return catalogue->input.find_links[task->position];
        if (task->position - n < strings_count(catalogue->input.index_urls))
                return catalogue->input.index_urls[task->position - n];
        return NULL;
}

/* What lies on this machine is looked at every time. */
static bool is_local(const char *source) {
        return source[0] == '/' || source[0] == '.' || url_has_scheme(source, "file");
}

void catalogue_page_request(const Catalogue *catalogue, const Task *task, FetchRequest *ret) {
        const char *source = source_of(catalogue, task);

        ret->kind = FETCH_PAGE;
        ret->size_max_bytes = INDEX_PAGE_SIZE_MAX;
        if (!is_link(catalogue, task))
                ret->url = index_page_url(source, task->name);
        else if (source[0] == '/')
                ret->url = url_from_path(source);
        else
                ret->url = string_format("%s", source);
        if (task->has_stale && !task->stale.is_absent) {
                ret->etag = task->stale.etag;
                ret->last_modified = task->stale.last_modified;
        }
}

static int add_page(Task *task, IndexPage *page) {
        int r;

        r = ARRAY_RESERVE(task->pages, task->n_pages_allocated, task->n_pages + 1);
        if (r < 0) {
                index_page_free(page);
                return r;
        }
        task->pages[task->n_pages++] = page;
        return 0;
}

/* Takes @page (may be NULL: absent) as the word of the present source and goes to the next. */
static int accept_page(Catalogue *catalogue, Task *task, IndexPage *page) {
        bool was_link = is_link(catalogue, task);
        bool has_files = page && page->n_files > 0;
        int r = 0;

        task->position++;
        cached_page_done(&task->stale);
        task->stale = (CachedPage){ .page = NULL };
        task->has_stale = false;
        if (has_files && !was_link)
                task->has_index_page = true;
        if (has_files)
                r = add_page(task, page);
        else
                index_page_free(page);
        return r;
}

static int finish(Catalogue *catalogue, Task *task) {
        CatalogueAnswer answer = { .pages = task->pages, .n_pages = task->n_pages };

        task->pages = NULL;
        task->n_pages = 0;
        return catalogue_finish(catalogue, task, &answer);
}

static int fail_offline(Catalogue *catalogue, Task *task) {
        Fault fault = { 0 };

        (void) fault_set(
                        &fault,
                        -ENETUNREACH,
                        FAULT_OFFLINE,
                        task->name,
                        "What the index offers of '%s' is not known here, and the network may not be "
                        "used.",
                        task->name);
        fault_hint(&fault, "Try again without --offline.");
        return catalogue_finish_with_fault(catalogue, task, &fault);
}

static int warn_stale(Catalogue *catalogue, const Task *task) {
        uint64_t age_usec =
                        catalogue->now_usec - MIN(task->stale.fetched_usec, catalogue->now_usec);

        if (catalogue->has_warned_stale)
                return 0;
        catalogue->has_warned_stale = true;
        return strings_consume(
                        &catalogue->warnings,
                        string_format("The index cannot be reached; what was known %llu minutes ago is "
                                      "used.",
                                      (unsigned long long) (age_usec / USEC_PER_SEC / 60)));
}

/* Looks the present source up in the cache. Returns 1 if that settles it. */
static int try_cache(Catalogue *catalogue, Task *task, const char *source) {
        Cache *cache = is_local(source) ? NULL : catalogue_cache(catalogue);
        int r;

        if (!cache)
                return 0;
        r = cache_find_page(cache, source, task->name, &task->stale);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;
        task->has_stale = true;
        if (!catalogue_is_offline(catalogue) &&
            !cached_page_is_fresh(
                            &task->stale, catalogue->now_usec, catalogue->input.page_age_max_sec))
                return 0;
        r = accept_page(catalogue, task, TAKE_PTR(task->stale.page));
        return r < 0 ? r : 1;
}

static int fail_url(Catalogue *catalogue, Task *task, const char *reason) {
        Fault fault = { 0 };

        (void) fault_set(
                        &fault,
                        -EINVAL,
                        FAULT_PROJECT_INVALID,
                        task->name,
                        "Package '%s' is asked for from %s, %s.",
                        task->name,
                        task->url,
                        reason);
        return catalogue_finish_with_fault(catalogue, task, &fault);
}

/* A page with the one file that the URL leads to. */
static int make_page_of_url(Catalogue *catalogue, Task *task) {
        _cleanup_(freep) char *url = string_format("%s", task->url), *json = NULL;
        _cleanup_fault_ Fault fault = { 0 };
        const char *fragment, *digest, *filename;
        IndexPage *page;
        int r;

        if (!url)
                return -ENOMEM;
        fragment = strchr(url, '#');
        digest = fragment ? string_after(fragment, "#sha256=") : NULL;
        if (fragment)
                url[fragment - url] = '\0';
        if (!url_has_scheme(url, "http") && !url_has_scheme(url, "https") &&
            !url_has_scheme(url, "file"))
                return fail_url(catalogue, task, "which is no http, https or file address");
        if (strpbrk(url, "\"\\") || (digest && strlen(digest) != 64))
                return fail_url(catalogue, task, "which is not a proper address");
        filename = strrchr(url, '/') + 1;
        json = string_format(
                        "{\"meta\":{\"api-version\":\"1.0\"},\"name\":\"%s\",\"files\":[{\"filename\":"
                        "\"%s\",\"url\":\"%s\",\"hashes\":{%s%s%s}}]}",
                        task->name,
                        filename,
                        url,
                        digest ? "\"sha256\":\"" : "",
                        digest ? digest : "",
                        digest ? "\"" : "");
        if (!json)
                return -ENOMEM;
        r = index_page_parse(
                        &(IndexSource){ .name = task->name,
                                        .url = url,
                                        .content_type = "application/vnd.pypi.simple.v1+json" },
                        json,
                        strlen(json),
                        &page,
                        &fault);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fail_url(catalogue, task, "which is not a proper address");
        if (page->n_files != 1 || page->files[0].kind != INDEX_FILE_WHEEL) {
                index_page_free(page);
                return fail_url(catalogue,
                                task,
                                "which does not end in the name of one of its wheels; other forms of "
                                "packages are not built");
        }
        r = add_page(task, page);
        return r < 0 ? r : finish(catalogue, task);
}

int catalogue_page_begin(Catalogue *catalogue, Task *task) {
        const char *source;
        int r;

        if (task->url)
                return make_page_of_url(catalogue, task);
        while ((source = source_of(catalogue, task)) && !task->has_index_page) {
                r = try_cache(catalogue, task, source);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (!catalogue_is_offline(catalogue) ||
                    (is_local(source) && catalogue->input.fetch_fd >= 0))
                        return catalogue_send(catalogue, task);
                return fail_offline(catalogue, task);
        }
        return finish(catalogue, task);
}

static bool is_unreachable(const Fault *fault) {
        return fault->code == FAULT_INDEX_UNAVAILABLE || fault->code == FAULT_INDEX_TIMEOUT ||
                        fault->code == FAULT_OFFLINE;
}

static int take_fault(Catalogue *catalogue, Task *task, FetchAnswer *answer) {
        const char *source = source_of(catalogue, task);
        Cache *cache = is_local(source) ? NULL : catalogue_cache(catalogue);
        int r = 0;

        if (answer->fault.code == FAULT_INDEX_NOT_FOUND) {
                CachedPage absent = { .fetched_usec = catalogue->now_usec, .is_absent = true };

                r = index_page_new_empty(task->name, source, &absent.page);
                if (r >= 0 && cache &&
                    cache_store_page(cache, source, task->name, &absent) == -ENOMEM)
                        r = -ENOMEM;
                if (r < 0) {
                        index_page_free(absent.page);
                        return r;
                }
                return accept_page(catalogue, task, absent.page);
        }
        if (task->has_stale && is_unreachable(&answer->fault)) {
                r = warn_stale(catalogue, task);
                return r < 0 ? r : accept_page(catalogue, task, TAKE_PTR(task->stale.page));
        }
        r = catalogue_finish_with_fault(catalogue, task, &answer->fault);
        return r < 0 ? r : 1;
}

/* Returns 1 if the task ended with a fault. */
static int take_page(Catalogue *catalogue, Task *task, FetchAnswer *answer, const char *body) {
        const char *source = source_of(catalogue, task);
        Cache *cache = is_local(source) ? NULL : catalogue_cache(catalogue);
        CachedPage fetched = {
                .etag = answer->etag,
                .last_modified = answer->last_modified,
                .fetched_usec = catalogue->now_usec,
                .max_age_sec = answer->max_age_sec,
        };
        Fault fault = { 0 };
        int r;

        r = index_page_parse(
                        &(IndexSource){ .name = task->name,
                                        .url = answer->url,
                                        .content_type = answer->content_type,
                                        .is_find_links = is_link(catalogue, task) },
                        body,
                        answer->size_bytes,
                        &fetched.page,
                        &fault);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                r = catalogue_finish_with_fault(catalogue, task, &fault);
                return r < 0 ? r : 1;
        }
        /* A cache that cannot be written is only slow. */
        if (cache && cache_store_page(cache, source, task->name, &fetched) == -ENOMEM) {
                index_page_free(fetched.page);
                return -ENOMEM;
        }
        return accept_page(catalogue, task, fetched.page);
}

int catalogue_page_on_answer(
                Catalogue *catalogue,
                Task *task,
                FetchAnswer *answer,
                const char *body) {
        const char *source = source_of(catalogue, task);
        int r;

        if (fault_is_set(&answer->fault))
                r = take_fault(catalogue, task, answer);
        else if (answer->status == 304 && task->has_stale) {
                /* At worst it is asked for again. */
                r = cache_touch_page(
                                catalogue_cache(catalogue),
                                source,
                                task->name,
                                catalogue->now_usec,
                                answer->max_age_sec);
                if (r == -ENOMEM)
                        return r;
                r = accept_page(catalogue, task, TAKE_PTR(task->stale.page));
        } else
                r = take_page(catalogue, task, answer, body ? body : "");
        if (r != 0)
                return r < 0 ? r : 0;
        return catalogue_page_begin(catalogue, task);
}
