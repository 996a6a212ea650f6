-- Drills: a page labelled TEST over somebody's real plan to wake. Each is an incident of its own kind, so that it goes
-- the way of every page; what came of it stands beside, for the person's badge.

alter table incident add column drill boolean not null default false;

create sequence drill_number; -- of their keys, TEST-7

create table drill (
    incident       bigint primary key references incident on delete cascade deferrable initially deferred,
    person         text not null references person on delete cascade,
    roster         text not null default '', -- for whose shift, or at whose wish; '': none
    shift          timestamptz,              -- the beginning of the shift that it was made before
    at             timestamptz not null,
    until_at       timestamptz not null,     -- then it has failed
    ended_at       timestamptz,
    result         text not null default '' check (result in ('', 'passed', 'declined', 'failed', 'stopped')),
    answered_after interval,
    channel        text not null default '', -- that was answered through
    why            text not null default '', -- it failed, or was stopped
    started_by     text not null default ''  -- '': the roster's wish to have one before each shift
);
create unique index drill_open on drill (person) where ended_at is null; -- one at a time
create index drill_last on drill (person, at);
create unique index drill_shift on drill (roster, shift, person) where shift is not null; -- one for each shift

-- Rosters that want one before each shift.
create table roster_drill (
    roster text primary key references roster on delete cascade,
    before interval not null
);
