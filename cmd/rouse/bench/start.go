package bench

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"
)

func measureStart(ctx context.Context, r *rig) ([]Figure, error) {
	people, err := r.crowd(ctx, 10)
	if err != nil {
		return nil, err
	}
	var migrated, first []time.Duration
	for i := range r.size(10) {
		r.Stop()
		took, err := r.Start(ctx)
		if err != nil {
			return nil, err
		}
		migrated = append(migrated, took)
		if took, err = r.sendAndPush(ctx, newAlert(people.member(i), "start")); err != nil {
			return nil, err
		}
		first = append(first, took)
	}
	empty, err := r.startsOnEmpty(ctx, r.size(5))
	if err != nil {
		return nil, err
	}
	var all []Figure
	for _, f := range []struct {
		name, goal string
		took       []time.Duration
	}{
		{"start to ready, migrated database", "≤ 90", migrated},
		{"start to ready, empty database", "≤ 500", empty},
		{"just started: POST to provider called", "", first},
	} {
		slices.Sort(f.took)
		all = append(all, Figure{Name: f.name + ", median", Value: milliseconds(quantile(f.took, 0.5)), Unit: "ms", Goal: f.goal, N: len(f.took)},
			Figure{Name: f.name + ", max", Value: milliseconds(quantile(f.took, 1)), Unit: "ms", N: len(f.took)})
	}
	return all, nil
}

// startsOnEmpty starts a server n times, each time on a new database.
func (r *rig) startsOnEmpty(ctx context.Context, n int) (took []time.Duration, err error) {
	for i := range n {
		name := fmt.Sprintf("bench_empty_%d", i)
		if _, err := r.db.Exec(ctx, "create database "+name); err != nil {
			return nil, err
		}
		address, err := onDatabase(r.pg.URL(), name)
		if err != nil {
			return nil, err
		}
		fresh, err := r.newNode(name, address)
		if err != nil {
			return nil, err
		}
		d, err := fresh.Start(ctx)
		fresh.Stop()
		if err != nil {
			return nil, err
		}
		took = append(took, d)
		if _, err := r.db.Exec(ctx, "drop database "+name+" with (force)"); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// onDatabase is an address of Postgres with another database in it.
func onDatabase(address, name string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("reading the address of the database: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}
