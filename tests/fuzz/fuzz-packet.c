// SPDX-License-Identifier: LGPL-2.1-or-later

/* Requests and answers of all workers, as blastd and the workers decode them: no input may do more than
 * be refused. Input: one byte that chooses the decoder, then the packet. */

#include <string.h>

#include "package/materialise-request.h"
#include "package/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRY(type, decode, done)                            \
        ({                                                 \
                _cleanup_(done) type value = {};           \
                (void) decode(data + 1, size - 1, &value); \
        })

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FetchProgress progress;

        if (size == 0)
                return 0;
        switch (data[0] % 9) {
        case 0:
                TRY(ResolveRequest, resolve_request_decode, resolve_request_done);
                break;
        case 1:
                TRY(ResolveAnswer, resolve_answer_decode, resolve_answer_done);
                break;
        case 2:
                TRY(IndexSettings, index_settings_decode, index_settings_done);
                break;
        case 3:
                TRY(FetchRequest, fetch_request_decode, fetch_request_done);
                break;
        case 4:
                TRY(FetchAnswer, fetch_answer_decode, fetch_answer_done);
                break;
        case 5:
                (void) fetch_progress_decode(data + 1, size - 1, &progress);
                break;
        case 6:
                TRY(UnpackRequest, unpack_request_decode, unpack_request_done);
                break;
        case 7:
                TRY(UnpackAnswer, unpack_answer_decode, unpack_answer_done);
                break;
        case 8:
                TRY(MaterialiseRequest, materialise_request_decode, materialise_request_done);
                break;
        }
        return 0;
}
