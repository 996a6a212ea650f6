-- What need not wake anybody, and where alerts go.

-- How a service keeps quiet: delays, what comes back, groups, what closes by itself.
alter table service add column noise jsonb not null default '{}';

-- origin is the service as the sender named it, where a rule sent the alert elsewhere: whose trouble it is stays the
-- same when rules change. What is told apart while it is open is told apart by that.
alter table incident add column origin text;
alter table incident add column group_key text not null default '';
alter table incident add column auto_close interval not null default '0';
alter table incident add column return_n integer not null default 0;
alter table incident add column calm interval not null default '0';
alter table incident add column calm_until timestamptz;
drop index incident_open_dedup;
create unique index incident_open_dedup on incident (coalesce(origin, service), dedup_key) where status <> 'resolved' and dedup_key <> '';
create index incident_open_group on incident (service, group_key) where status <> 'resolved' and group_key <> '';
create index incident_ended_dedup on incident (coalesce(origin, service), dedup_key, ended_at) where status = 'resolved' and dedup_key <> '';
create index incident_ended_group on incident (service, group_key, ended_at) where status = 'resolved' and group_key <> '';

alter table escalation add column wait_for text not null default ''; -- of a waiting one: the reason

-- The alerts of an incident that groups them, by the sender's keys.
create table grouped (
    incident  bigint not null, -- written under its lock, deleted with it
    origin    text not null,
    dedup_key text not null,
    summary   text not null,
    severity  smallint not null,
    firing    boolean not null,
    n         integer not null default 1,
    first_at  timestamptz not null,
    last_at   timestamptz not null,
    primary key (incident, origin, dedup_key)
);
create index grouped_key on grouped (origin, dedup_key);

-- How many those of an incident are, so that nobody counts them for each alert that joins.
create table group_size (
    incident bigint primary key, -- as above
    n        integer not null,
    firing   integer not null
);

-- Rules, in order: those for all alerts (team is null), and each team's.
create table rule (
    id        text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    team      text, -- of one that is deleted, which can be restored, no rule counts
    position  integer not null,
    name      text not null default '',
    condition text not null,
    off       boolean not null default false,
    service   text not null default '',
    severity  smallint not null default 0,
    policy    text not null default '',
    page      text[] not null default '{}'
);
create unique index rule_position on rule (coalesce(team, ''), position);

-- Senders' words for severities: 1, 2, 3, or 0 for what pages nobody. A source of '' is every source.
create table word (
    source  text not null,
    word    text not null,
    meaning smallint not null check (meaning between 0 and 3),
    primary key (source, word)
);

create table maintenance (
    id         bigint generated always as identity primary key,
    service    text not null references service on delete cascade,
    reason     text not null default '',
    by         text not null default '',
    condition  text not null default '',
    from_at    timestamptz,
    to_at      timestamptz,
    again      jsonb,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((from_at is not null and to_at is not null and again is null) or (from_at is null and to_at is null and again is not null))
);
create index maintenance_service on maintenance (service);

-- Who keeps rules, words and maintenances in memory sees here whether they are the latest. Everything that changes
-- one of them, or one of the lists as a whole, counts up.
create table routing (
    one     boolean primary key default true check (one),
    version bigint not null default 1,
    rules   integer not null default 1, -- versions of the lists, for whoever replaces them
    words   integer not null default 1
);
insert into routing default values;
