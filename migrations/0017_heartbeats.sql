-- Heartbeats: what is expected to give a sign of life again and again, and what was heard of it.
create table heartbeat (
    id         bigint generated always as identity primary key,
    service    text not null references service on delete cascade,
    name       text not null,
    about      text not null default '',
    every      interval not null check (every >= interval '30 seconds'),
    grace      interval not null default '0',
    severity   smallint not null check (severity between 1 and 3),
    word       text not null default '',  -- for the severity, of whoever made it
    max_run    interval not null default '0', -- 0: a run may take as long as it likes
    by_label   text not null default '',  -- each value of this label is watched by itself; '': there is one source, ''
    disabled   boolean not null default false,
    message    text not null default '',
    tags       text[] not null default '{}',
    hash       bytea not null unique,     -- SHA-256 of the secret in the address that it is pinged by
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index heartbeat_name on heartbeat (service, lower(name));

-- The sources that were heard. They outlive their heartbeat until somebody has looked at them: what is open about
-- one that is not watched any more is resolved.
create table heartbeat_source (
    heartbeat  bigint not null,
    name       text not null,             -- value of the heartbeat's label
    service    text not null,             -- the heartbeat's, for when that is gone
    last_at    timestamptz not null,
    since      timestamptz not null,      -- silence is counted from then
    silent     boolean not null default false,
    failed     boolean not null default false,
    runs       jsonb not null default '{}', -- under way: id -> when they began
    resumed_at timestamptz,               -- the end of a time in which nobody watched, which the next look is told of
    gone       boolean not null default false, -- not watched any more: it was disabled, or its heartbeat looks at another label
    deadline   timestamptz,               -- when somebody has to look at it; null: nothing is expected
    primary key (heartbeat, name)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index heartbeat_source_deadline on heartbeat_source (deadline) where deadline is not null;

-- When some node last looked which heartbeats are silent, by the clock of the pulse; null until one does.
create table heartbeat_watch (
    id boolean primary key default true check (id), -- one row
    at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
insert into heartbeat_watch default values;
