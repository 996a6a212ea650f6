package migrations

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// RiverSchema is where River's tables are: name it in river.Config.Schema.
const RiverSchema = "river"

func riverMigrator() (*rivermigrate.Migrator[pgx.Tx], error) {
	return rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{ // nil: it only ever gets our transactions
		Schema: RiverSchema,
		Logger: slog.New(slog.DiscardHandler), // Result tells what was done
	})
}

// riverVersions are the versions that the River in this binary needs, in order.
var riverVersions = sync.OnceValues(func() ([]int, error) {
	migrator, err := riverMigrator()
	if err != nil {
		return nil, err
	}
	var versions []int
	for _, m := range migrator.AllVersions() {
		versions = append(versions, m.Version)
	}
	slices.Sort(versions)
	return versions, nil
})

func riverName(version int) string { return fmt.Sprintf("river %03d", version) }

// upRiver applies River's pending migrations, each in a transaction of its own, and returns their names.
func upRiver(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	if err := createRiverSchema(ctx, conn); err != nil {
		return nil, fmt.Errorf("creating the schema %s: %w", RiverSchema, err)
	}
	migrator, err := riverMigrator()
	if err != nil {
		return nil, err
	}
	var names []string
	for {
		var applied []rivermigrate.MigrateVersion
		err := patiently(ctx, conn, func(tx pgx.Tx) error {
			// Migrate would take further connections from a pool, which do not hold the lock. MigrateTx is deprecated
			// because several versions do not go into one transaction: here it gets one for each.
			result, err := migrator.MigrateTx(ctx, tx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{MaxSteps: 1}) //nolint:staticcheck // see above
			if err == nil {
				applied = result.Versions
			}
			return err
		})
		if err != nil {
			return names, fmt.Errorf("River's: %w", err)
		}
		if len(applied) == 0 {
			return names, nil
		}
		names = append(names, riverName(applied[0].Version))
	}
}

// createRiverSchema asks first: "if not exists" takes the right to create schemas even where there is nothing to create.
func createRiverSchema(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	if err := conn.QueryRow(ctx, "select to_regnamespace($1) is not null", RiverSchema).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := conn.Exec(ctx, "create schema "+pgx.Identifier{RiverSchema}.Sanitize())
	return err
}
