package main

import (
	"context"
	"fmt"
	"strings"

	"rouse/migrations"
)

func examineDatabase(ctx context.Context, cfg config, getenv func(string) string, db postgres) []finding {
	var version string
	if err := db.QueryRow(ctx, `select current_setting('server_version')`).Scan(&version); err != nil {
		return []finding{{"database", fail, err.Error()}}
	}
	version, _, _ = strings.Cut(version, " ")
	f := finding{"database", pass, "Postgres " + version + " answers"}
	if cfg.databaseURL == "" {
		f = finding{"database", warn, "Postgres " + version + ", private, in " + privateDir(cfg, getenv) + ", without replica or backup: set ROUSE_DATABASE_URL before anybody relies on it"}
	}
	return []finding{f, examineMigrations(ctx, db)}
}

func examineMigrations(ctx context.Context, db postgres) finding {
	found, err := migrations.Check(ctx, db.Pool)
	switch {
	case err != nil:
		return finding{"migrations", fail, err.Error()}
	case len(found.Pending) > 0:
		return finding{"migrations", fail, plural(len(found.Pending), "is", "are") + " pending: run `rouse migrate`"}
	case len(found.Newer) > 0:
		return finding{"migrations", warn, fmt.Sprintf("the database has %s, of a later version of Rouse: upgrade this one", strings.Join(found.Newer, ", "))}
	}
	return finding{"migrations", pass, "up to date"}
}
