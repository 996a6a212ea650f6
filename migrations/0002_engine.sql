-- What is paged: policies, services and keys; incidents with their escalations, pages and attempts;
-- what came in and what was decided.

create table policy (
    id         text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text not null,
    ack_expiry jsonb not null default '{}', -- severity -> nanoseconds
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table policy_level (
    policy   text not null references policy on delete cascade,
    position integer not null,
    wait     interval not null check (wait > interval '0'),
    primary key (policy, position)
);

create table policy_target (
    policy   text not null,
    level    integer not null,
    position integer not null,
    person   text references person,
    roster   text references roster,
    primary key (policy, level, position),
    foreign key (policy, level) references policy_level on delete cascade,
    check ((person is null) <> (roster is null))
);
create index policy_target_person on policy_target (person);
create index policy_target_roster on policy_target (roster);

create table service (
    id         text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text not null,
    policy     text references policy,
    hours      jsonb not null default '{}',
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index service_policy on service (policy);

-- Keys are random; only their SHA-256 is kept, and a prefix to recognise them by.
create table api_key (
    id           bigint generated always as identity primary key,
    name         text not null,
    prefix       text not null,
    hash         bytea not null unique,
    scopes       text[] not null,
    service      text references service on delete cascade, -- an integration key's service
    person       text references person on delete cascade,  -- whom a respond key acts as
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

create sequence incident_number;

create table incident (
    id         bigint generated always as identity primary key,
    key        text not null unique,
    sender_key boolean not null default false, -- the sender gave the key, and may name the incident by it
    service    text not null default '', -- as routed; '' is unknown
    severity   smallint not null check (severity between 1 and 3),
    summary    text not null,
    status     text not null check (status in ('new', 'fixing', 'resolved')),
    dedup_key  text not null default '',
    manager    text not null default '',
    hours      jsonb not null default '{}',
    alert_n    integer not null default 0,
    page_n     integer not null default 0,
    attempt_n  integer not null default 0,
    opened_at  timestamptz not null,
    alerted_at timestamptz not null,
    acked_at   timestamptz,
    ended_at   timestamptz,
    deadline   timestamptz -- the only timer
) with (fillfactor = 70);
create unique index incident_open_dedup on incident (service, dedup_key) where status <> 'resolved' and dedup_key <> '';
create index incident_deadline on incident (deadline) where deadline is not null;
create index incident_open on incident (id) where status <> 'resolved';

create table escalation (
    incident       bigint not null references incident on delete cascade,
    no             integer not null,
    role           text not null,
    by             text not null default '',
    why            text not null default '',
    urgent         boolean not null default false,
    ladder         jsonb not null,
    state          text not null,
    level          integer not null,
    round          integer not null,
    round_at       timestamptz not null,
    level_until    timestamptz,
    wait_until     timestamptz,
    holder         text not null default '',
    ack_until      timestamptz,
    ask_until      timestamptz,
    declined       text[] not null default '{}',
    paged_in_round boolean not null default false,
    primary key (incident, no)
);

create table page (
    incident   bigint not null references incident on delete cascade,
    no         integer not null,
    escalation integer not null,
    person     text not null,
    ask        boolean not null default false,
    level      integer not null,
    round      integer not null,
    state      text not null,
    started_at timestamptz not null,
    contacts   jsonb not null,
    next       integer not null,
    next_at    timestamptz,
    code       text not null, -- what an SMS reply quotes; never used twice for one person
    live       boolean not null,
    primary key (incident, no)
);
create unique index page_code on page (person, code);
create index page_any_code on page (code);
create index page_open on page (person) where state = 'open';
create index page_live on page (incident) where live;

create table attempt (
    incident    bigint not null references incident on delete cascade,
    no          integer not null,
    page        integer not null,
    contact     integer not null,
    channel     text not null,
    address     text not null,
    state       text not null,
    reason      text not null,
    queued_at   timestamptz not null,
    sent_at     timestamptz,
    receipt_by  timestamptz,
    unwanted    boolean not null default false,
    hung_up     boolean not null default false, -- an unwanted call that is over
    nonce       text not null unique,
    generation  integer not null default 1,
    lease_until timestamptz not null, -- when a sweep takes it over from the queue or a worker
    claimed_at  timestamptz, -- when a worker first took it; a provider is asked for messages since then
    tokens      bytea[] not null default '{}', -- SHA-256 of the secrets in its buttons
    provider    text not null default '',
    provider_id text not null default '',
    detail      text not null default '',
    primary key (incident, no)
) with (fillfactor = 70);
create index attempt_texted on attempt (address, claimed_at) where channel = 'sms';
create index attempt_page on attempt (incident, page);
create index attempt_ringing on attempt (lease_until) where unwanted and channel = 'voice' and not hung_up;
create index attempt_unsent on attempt (lease_until) where state in ('queued', 'sending');

create table alert (
    id          bigint generated always as identity primary key,
    incident    bigint references incident on delete cascade,
    received_at timestamptz not null,
    action      text not null,
    source      text not null,
    service     text not null default '',
    severity    smallint not null,
    summary     text not null,
    dedup_key   text not null default '',
    details     text not null default '',
    links       jsonb not null default '[]',
    raw         bytea not null default ''
);
create index alert_incident on alert (incident);

create table timeline (
    id         bigint generated always as identity primary key,
    incident   bigint not null references incident on delete cascade,
    at         timestamptz not null,
    reason     text not null,
    escalation integer not null default 0,
    level      integer not null default 0,
    person     text not null default '',
    channel    text not null default '',
    attempt    integer not null default 0,
    by         text not null default '',
    text       text not null,
    basis      jsonb not null default '{}'
);
create index timeline_incident on timeline (incident, id);

-- Callbacks that were acted on already: a provider's retry, or a replay, has no second effect.
create table seen (
    id text primary key,
    at timestamptz not null
);
create index seen_at on seen (at);
