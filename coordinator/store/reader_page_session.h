/* Sessions of the page, as the door asks for them. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_PAGE_SESSION_H
#define CADRE_COORDINATOR_STORE_READER_PAGE_SESSION_H

#include "coordinator/store/model_page_session.h"
#include "coordinator/store/reader.h"

/* By its hash, or by its id when hash is NULL. ERR_NOT_FOUND: there is none, or it was deleted. */
int reader_page_session(struct reader *r, const uint8_t *hash, int64_t id,
                        struct page_session_row *out, struct err *e);

#endif
