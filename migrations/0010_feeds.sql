-- Calendars that people subscribe to, of a roster or of a person's shifts: whoever knows the secret in the address
-- sees them. Only its SHA-256 is kept.
create table feed (
    id         bigint generated always as identity primary key,
    roster     text references roster on delete cascade,
    person     text references person on delete cascade,
    hash       bytea not null unique,
    created_at timestamptz not null default now(),
    used_at    timestamptz, -- to the hour
    check ((roster is null) <> (person is null))
);
create index feed_roster on feed (roster);
create index feed_person on feed (person);
