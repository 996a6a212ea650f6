-- Teams own rosters, policies and services: who may change those. What no team owns, admins change.
create table team (
    id         text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table member (
    team   text not null references team on delete cascade,
    person text not null references person on delete cascade,
    role   text not null check (role in ('owner', 'member', 'viewer')),
    primary key (team, person)
);
create index member_person on member (person);

alter table roster add column team text references team;
alter table policy add column team text references team;
alter table service add column team text references team;
create index roster_team on roster (team);
create index policy_team on policy (team);
create index service_team on service (team);

-- Whoever made an override may take it back.
alter table override add column made_by text not null default '';
