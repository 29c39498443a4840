/* exchange_note_read(): lines that a peer sends. What is taken can be written, and read again as the same. */
#include <stdlib.h>

#include "consent/exchanges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exchange_note note, again;
    struct exchange_page page, page_again;
    struct arena arena = { 0 };
    struct error e;
    struct buffer text;
    if (!exchange_note_read(bytes_of(data, size), &arena, &note, &page, &e)) {
        arena_clear(&arena);
        return 0;
    }
    buffer_init(&text, 1 << 20);
    if (page.is_page) {
        exchange_page_write(page.next, page.is_last, page.size, &text);
    } else if (!exchange_note_write(&note, &text)) {
        abort();
    }
    if (text.failed || text.size == 0 || !exchange_note_read(bytes_of(text.data, text.size - 1), &arena, &again, &page_again, &e)) {
        abort();
    }
    if (page.is_page != page_again.is_page || page.next != page_again.next || page.is_last != page_again.is_last) {
        abort();
    }
    if (!page.is_page && (note.kind != again.kind || note.index != again.index || !bytes_equal(note.exchange, again.exchange) ||
                          note.sequence.start != again.sequence.start || note.sequence.number != again.sequence.number ||
                          note.has_receipt != again.has_receipt || note.receipt_index != again.receipt_index)) {
        abort();
    }
    buffer_clear(&text);
    arena_clear(&arena);
    return 0;
}
