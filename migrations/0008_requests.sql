-- Requests that were done under an Idempotency-Key, for a day: whoever did not get the answer asks again, and gets it.
create table done_request (
    key      bigint not null references api_key on delete cascade, -- who asked
    id       text not null,                                        -- as the client chose it
    digest   bytea not null,                                       -- SHA-256 of what was asked
    answer   json not null default '{}',                            -- byte for byte
    done_at  timestamptz not null default now(),
    primary key (key, id)
);
create index done_request_at on done_request (done_at);
