// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * What a server may make us do is decided here, by options and by what the callbacks accept:
 *
 *   protocols   http and https; a redirect from https only to https; at most 10 of them
 *   credentials given by origin (scheme, host, port) from the URLs of the settings, as pip does, so that files
 *               on the index's own host get them; libcurl drops them when a redirect leaves the host
 *   size        counted where the bytes are written, after decompression, so a bomb ends at the limit
 *   encoding    compressed answers for pages only: digests are of files as they are published
 *   headers     the last response's ETag, Last-Modified, Cache-Control, Content-Range; values with control
 *               characters are not kept
 *   TLS         1.2 or newer, certificate_file or SSL_CERT_FILE or the system's store
 *
 * The answer's body of a failure is not read at all (CURLOPT_FAILONERROR). */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "config.h"
#include "package/fetch-transfer.h"
#include "package/index.h"
#include "package/url.h"

enum {
        REDIRECTS_MAX = 10,
        HEADER_MAX = 1024, /* of a value that is kept */
};

void fetch_context_done(FetchContext *context) {
        for (size_t i = 0; i < context->n_credentials; i++) {
                free(context->credentials[i].url);
                free(context->credentials[i].user);
                free(context->credentials[i].password);
        }
        free(context->credentials);
        free(context->certificate_file);
        free(context->certificate_directory);
        index_settings_done(&context->settings);
        *context = (FetchContext){};
}

int fetch_context_learn(FetchContext *context, const char *url) {
        _cleanup_(freep) char *user = NULL, *password = NULL, *copy = NULL;
        FetchCredential *list;
        int r;

        r = url_get_credentials(url, &user, &password);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || (!user && !password))
                return 0;
        /* The first word for an origin stands: the settings, then what was asked for first. */
        for (size_t i = 0; i < context->n_credentials; i++)
                if (url_same_origin(context->credentials[i].url, url))
                        return 0;
        copy = strdup(url);
        list =
                        reallocarray(context->credentials,
                                     context->n_credentials + 1,
                                     sizeof(*context->credentials));
        if (list)
                context->credentials = list;
        if (!copy || !list)
                return -ENOMEM;
        list[context->n_credentials++] = (FetchCredential){
                .url = TAKE_PTR(copy),
                .user = TAKE_PTR(user),
                .password = TAKE_PTR(password),
        };
        return 0;
}

static int copy_variable(const char *name, char **ret) {
        const char *value = getenv(name);

        if (text_is_empty(value))
                return 0;
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

int fetch_context_init(FetchContext *context, const IndexSettings *settings) {
        int r;

        *context = (FetchContext){};
        r = index_settings_copy(settings, &context->settings);
        if (r >= 0 && settings->index_url)
                r = fetch_context_learn(context, settings->index_url);
        FOREACH_TEXT(url, settings->extra_index_urls) {
                if (r >= 0)
                        r = fetch_context_learn(context, url);
        }
        FOREACH_TEXT(url, settings->find_links) {
                if (r >= 0)
                        r = fetch_context_learn(context, url);
        }
        if (r >= 0 && settings->certificate_file) {
                context->certificate_file = strdup(settings->certificate_file);
                r = context->certificate_file ? 0 : -ENOMEM;
        } else if (r >= 0) {
                r = copy_variable("SSL_CERT_FILE", &context->certificate_file);
                if (r >= 0)
                        r = copy_variable("SSL_CERT_DIR", &context->certificate_directory);
        }
        if (r < 0)
                fetch_context_done(context);
        return r;
}

void fetch_transfer_done(FetchTransfer *transfer) {
        curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        free(transfer->etag);
        free(transfer->last_modified);
        *transfer = (FetchTransfer){};
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        FetchTransfer *transfer = userdata;

        transfer->n_received += size * n;
        if (fetch_target_write(transfer->target, data, size * n) < 0)
                return 0; /* anything but the full count ends the transfer; the target knows why */
        return size * n;
}

static void keep_header(char **slot, Text value) {
        if (value.length == 0 || value.length > HEADER_MAX)
                return;
        for (size_t i = 0; i < value.length; i++)
                if ((unsigned char) value.data[i] < 0x20 || value.data[i] == 0x7f)
                        return;
        free(*slot);
        /* Without memory the page is merely fetched again in full the next time. */
        *slot = text_to_string(value);
}

static void read_cache_control(FetchTransfer *transfer, Text value) {
        Text part;

        while (text_cut(&value, ',', &part)) {
                part = text_strip(part);
                if (text_starts_with(part, "max-age=")) {
                        uint64_t seconds;
                        Text digits = { part.data + strlen("max-age="),
                                        part.length - strlen("max-age=") };
                        if (text_to_u64(digits, &seconds) >= 0)
                                transfer->max_age_sec = MIN(seconds, UINT64_C(31536000));
                } else if (text_equals_string(part, "no-store") ||
                           text_equals_string(part, "no-cache"))
                        transfer->is_cacheable = false;
        }
}

/* "bytes 5-9/1234" */
static void read_content_range(FetchTransfer *transfer, Text value) {
        const char *slash = memrchr(value.data, '/', value.length);

        if (slash &&
            text_to_u64((Text){ slash + 1, (size_t) (value.data + value.length - slash - 1) },
                        &transfer->range_total_bytes) < 0)
                transfer->range_total_bytes = 0;
}

static bool header_is(Text name, const char *wanted) {
        return name.length == strlen(wanted) && strncasecmp(name.data, wanted, name.length) == 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata) {
        FetchTransfer *transfer = userdata;
        Text line = { data, size * n }, name;

        transfer->n_received += line.length;
        if (text_starts_with(line, "HTTP/")) {
                /* A new response, after a redirect or a proxy's answer: forget the last one's. */
                free(TAKE_PTR(transfer->etag));
                free(TAKE_PTR(transfer->last_modified));
                transfer->max_age_sec = transfer->range_total_bytes = 0;
                transfer->is_cacheable = true;
                return size * n;
        }
        if (!text_cut(&line, ':', &name) || !line.data)
                return size * n;
        line = text_strip(line);
        if (header_is(name, "etag"))
                keep_header(&transfer->etag, line);
        else if (header_is(name, "last-modified"))
                keep_header(&transfer->last_modified, line);
        else if (header_is(name, "cache-control"))
                read_cache_control(transfer, line);
        else if (header_is(name, "content-range") && line.length > 0)
                read_content_range(transfer, line);
        return size * n;
}

static int
on_progress(void *userdata,
            curl_off_t n_total,
            curl_off_t n_now,
            curl_off_t n_upload_total,
            curl_off_t n_upload_now) {
        FetchTransfer *transfer = userdata;

        transfer->total_bytes = n_total > 0 ? (uint64_t) n_total : 0;
        return 0;
}

static int add_header(FetchTransfer *transfer, const char *name, const char *value) {
        _cleanup_(freep) char *line = string_format("%s: %s", name, value);
        struct curl_slist *list = line ? curl_slist_append(transfer->headers, line) : NULL;

        if (!list)
                return -ENOMEM;
        transfer->headers = list;
        return 0;
}

/* A value of our own cache, or of a caller: it must not begin a header of its own. */
static bool header_value_is_clean(const char *value) {
        for (; value && *value; value++)
                if ((unsigned char) *value < 0x20 || *value == 0x7f)
                        return false;
        return value;
}

static int transfer_set_headers(FetchTransfer *transfer) {
        const FetchRequest *request = transfer->request;
        int r = 0;

        if (request->kind == FETCH_PAGE) {
                r = add_header(transfer, "Accept", INDEX_ACCEPT);
                /* A mirror between us and the index must ask whether its copy is still right. */
                if (r >= 0)
                        r = add_header(transfer, "Cache-Control", "max-age=0");
        }
        if (r >= 0 && header_value_is_clean(request->etag))
                r = add_header(transfer, "If-None-Match", request->etag);
        if (r >= 0 && header_value_is_clean(request->last_modified))
                r = add_header(transfer, "If-Modified-Since", request->last_modified);
        return r;
}

#define SET(option, value)                                                            \
        ({                                                                            \
                CURLcode _code = curl_easy_setopt(transfer->easy, (option), (value)); \
                if (_code != CURLE_OK)                                                \
                        return _code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;      \
        })

/* "5-9", "5-" or, for the last ones, "-5". */
static char *range_format(const FetchRequest *request) {
        unsigned long long first = request->offset, n = request->length;

        if (!request->offset_from_start)
                return string_format("-%llu", n);
        return n > 0 ? string_format("%llu-%llu", first, first + n - 1)
                     : string_format("%llu-", first);
}

static int transfer_set_limits(FetchTransfer *transfer, const FetchContext *context) {
        const FetchRequest *request = transfer->request;
        uint32_t timeout_sec = context->settings.timeout_sec ?: 30;
        bool is_secure = url_has_scheme(request->url, "https");

        SET(CURLOPT_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        SET(CURLOPT_MAXREDIRS, (long) REDIRECTS_MAX);
        SET(CURLOPT_CONNECTTIMEOUT, (long) timeout_sec);
        SET(CURLOPT_MAXFILESIZE_LARGE,
            (curl_off_t) MIN(transfer->target->size_max, (uint64_t) INT64_MAX));
        SET(CURLOPT_FAILONERROR, 1L);
        SET(CURLOPT_NOSIGNAL, 1L);
        if (request->kind == FETCH_PAGE)
                SET(CURLOPT_ACCEPT_ENCODING, ""); /* what this libcurl can decode */
        if (request->length > 0 || request->offset > 0) {
                _cleanup_(freep) char *range = range_format(request);
                if (!range)
                        return -ENOMEM;
                SET(CURLOPT_RANGE, range);
        }
        return 0;
}

static int transfer_set_trust(FetchTransfer *transfer, const FetchContext *context) {
        SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        if (!context->settings.verify_tls) {
                SET(CURLOPT_SSL_VERIFYPEER, 0L);
                SET(CURLOPT_SSL_VERIFYHOST, 0L);
        }
        if (context->certificate_file)
                SET(CURLOPT_CAINFO, context->certificate_file);
        if (context->certificate_directory)
                SET(CURLOPT_CAPATH, context->certificate_directory);
        for (size_t i = 0; i < context->n_credentials; i++) {
                const FetchCredential *credential = context->credentials + i;

                if (!url_same_origin(credential->url, transfer->request->url))
                        continue;
                SET(CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
                SET(CURLOPT_USERNAME, credential->user ?: "");
                SET(CURLOPT_PASSWORD, credential->password ?: "");
                break;
        }
        return 0;
}

static const char *proxy_named(const FetchContext *context, const char *name) {
        FOREACH_TEXT(proxy, context->settings.proxies) {
                const char *rest = string_after(proxy, name);
                if (rest && *rest == '=')
                        return rest + 1;
        }
        return NULL;
}

/* Our own environment says nothing here: the caller's does. Source: curl(1), ENVIRONMENT. */
static int transfer_set_proxy(FetchTransfer *transfer, const FetchContext *context) {
        bool is_secure = url_has_scheme(transfer->request->url, "https");
        const char *proxy = proxy_named(context, is_secure ? "https_proxy" : "http_proxy");
        const char *exceptions = proxy_named(context, "no_proxy");

        if (!proxy)
                proxy = proxy_named(context, "all_proxy");
        SET(CURLOPT_PROXY, proxy ?: "");
        SET(CURLOPT_NOPROXY, exceptions ?: "");
        return 0;
}

static int transfer_set_callbacks(FetchTransfer *transfer) {
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, transfer);
        SET(CURLOPT_HEADERFUNCTION, on_header);
        SET(CURLOPT_HEADERDATA, transfer);
        SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        SET(CURLOPT_XFERINFOFUNCTION, on_progress);
        SET(CURLOPT_XFERINFODATA, transfer);
        SET(CURLOPT_NOPROGRESS, 0L);
        SET(CURLOPT_BUFFERSIZE, (long) (256 * KIBIBYTE));
        return 0;
}

int fetch_transfer_init(
                FetchTransfer *transfer,
                const FetchContext *context,
                const FetchRequest *request,
                const char *shown,
                FetchTarget *target) {
        int r;

        *transfer = (FetchTransfer){
                .easy = curl_easy_init(),
                .request = request,
                .shown = shown,
                .target = target,
                .is_cacheable = true,
        };
        if (!transfer->easy)
                return -ENOMEM;
        SET(CURLOPT_URL, request->url);
        SET(CURLOPT_USERAGENT, "blast/" BLAST_VERSION);
        SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        /* Rather share a connection than open another. Without TLS nothing tells libcurl early that it cannot
         * be shared, and requests would wait for each other. */
        SET(CURLOPT_PIPEWAIT, url_has_scheme(request->url, "https") ? 1L : 0L);
        r = transfer_set_limits(transfer, context);
        if (r < 0)
                return r;
        r = transfer_set_trust(transfer, context);
        if (r < 0)
                return r;
        r = transfer_set_proxy(transfer, context);
        if (r < 0)
                return r;
        r = transfer_set_callbacks(transfer);
        if (r < 0)
                return r;
        r = transfer_set_headers(transfer);
        if (r < 0)
                return r;
        if (transfer->headers)
                SET(CURLOPT_HTTPHEADER, transfer->headers);
        return 0;
}

int fetch_transfer_fill(FetchTransfer *transfer, FetchAnswer *answer) {
        const char *url = NULL, *content_type = NULL;
        long status = 0;

        (void) curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
        (void) curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &content_type);
        answer->status = (uint32_t) status;
        answer->url = url_strip_credentials(url ?: transfer->shown);
        if (!answer->url)
                return -ENOMEM;
        if (header_value_is_clean(content_type)) {
                answer->content_type = strdup(content_type);
                if (!answer->content_type)
                        return -ENOMEM;
        }
        answer->etag = TAKE_PTR(transfer->etag);
        answer->last_modified = TAKE_PTR(transfer->last_modified);
        answer->max_age_sec = transfer->is_cacheable ? transfer->max_age_sec : 0;
        answer->total_bytes = transfer->range_total_bytes;
        return 0;
}
