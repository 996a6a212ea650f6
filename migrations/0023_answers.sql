-- Codes that were texted or typed in, by phone number, for ten minutes: five wrong ones lock replies with a code from
-- that number, whichever node they come to. Numbers stand here as SHA-256.
create table guess (
    id     bigint generated always as identity primary key,
    number bytea not null,
    at     timestamptz not null default clock_timestamp(),
    wrong  boolean not null default false -- false: not known yet
);
create index guess_at on guess (at);
create index guess_number on guess (number);
