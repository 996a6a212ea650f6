-- Rosters are changed by revisions: each counts from an instant on, and what was before stays answered as it was.
create table roster_revision (
    roster    text not null references roster on delete cascade,
    no        integer not null,
    since     timestamptz,               -- null: ever
    until_at  timestamptz,               -- when the next one begins; null: it is the newest
    rotations jsonb not null,
    made_by   text not null default '',  -- whose key
    made_at   timestamptz not null default now(),
    primary key (roster, no)
);

insert into roster_revision (roster, no, rotations, made_at)
    select r.id, 1, coalesce((
        select jsonb_agg(jsonb_build_object('id', t.id, 'zone', t.zone, 'start', t.start, 'rule', t.rule,
            'length', (extract(epoch from t.length) * 1e9)::bigint,
            'participants', coalesce((select jsonb_agg(p.person order by p.position) from participant p
                where p.roster = t.roster and p.rotation = t.id), '[]')) order by t.position)
        from rotation t where t.roster = r.id), '[]'), r.updated_at
    from roster r;

-- The tables rotation and participant go on with the newest revision, as far as they can tell it: for nodes of the
-- release before, and so that nobody who stands in a rotation is deleted.

-- An override may add a shift, or take somebody off: then it names nobody who comes instead. It goes on naming people
-- who were deleted since, so that the past stays as it was.
alter table override add column kind text not null default '' check (kind in ('', 'add', 'take_off'));
alter table override drop constraint override_person_fkey;
alter table override add constraint override_person_kind check ((person = '') = (kind = 'take_off'));

-- What was deleted, for thirty days, so that it can be restored; after that only that it was there: the handle of a
-- person whom rosters of the past name is not given to another one.
create table trash (
    id         bigint generated always as identity primary key,
    kind       text not null,
    slug       text not null,
    body       jsonb,
    deleted_by text not null default '',
    deleted_at timestamptz not null default now()
);
create index trash_slug on trash (kind, slug, id);
create index trash_kept on trash (deleted_at) where body is not null;
