-- Who is on call: people, their contacts, rosters of rotations, overrides.

create table person (
    id         text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text not null,
    zone       text not null default 'UTC',
    language   text not null default 'en',
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table contact (
    id       bigint generated always as identity primary key,
    person   text not null references person on delete cascade,
    channel  text not null check (channel in ('push', 'sms', 'voice')),
    address  text not null,
    after    interval not null check (after >= interval '0'),
    disabled boolean not null default false,
    unique (person, channel, address, after)
);
create index contact_address on contact (address);

create table roster (
    id         text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table rotation (
    roster   text not null references roster on delete cascade,
    id       text not null check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    position integer not null, -- order within the roster
    zone     text not null,
    start    text not null,    -- local wall-clock time of the first hand-over
    rule     text not null,    -- one RRULE value
    length   interval not null default interval '0', -- 0: until the next occurrence
    primary key (roster, id)
);

create table participant (
    roster   text not null,
    rotation text not null,
    position integer not null,
    person   text not null references person,
    primary key (roster, rotation, position),
    foreign key (roster, rotation) references rotation on delete cascade
);
create index participant_person on participant (person);

create table override (
    id       bigint generated always as identity primary key,
    roster   text not null references roster on delete cascade,
    rotation text not null default '', -- '' is the whole roster
    replaces text not null default '', -- '' is everybody
    person   text not null references person,
    from_at  timestamptz not null,
    to_at    timestamptz not null check (to_at > from_at)
);
create index override_span on override (roster, to_at);
create index override_person on override (person);
