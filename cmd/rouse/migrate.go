package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"rouse/migrations"
)

func (c *cli) migrateCommand() *cobra.Command {
	var status, asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this version's schema",
		Long: `Migrate applies to the database in ROUSE_DATABASE_URL what it lacks, in order, and says what that was.
It may run beside older nodes, and several times at once. "rouse serve" does the same when it starts.

With --status it changes nothing, and fails if something is pending.`,
		Example: `  rouse migrate
  rouse migrate --status`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := parseConfig(c.getenv, database, logging)
			if err != nil {
				return err
			}
			db, err := c.openTold(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer db.Close()
			var r migrationReport
			if status {
				r, err = migrationStatus(cmd, db)
			} else {
				r, err = migrateUp(cmd, db)
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = encodeJSON(c.stdout, r)
			} else {
				err = c.print(r.table())
			}
			if err == nil && len(r.Pending) > 0 {
				return fmt.Errorf("%s: run `rouse migrate`", plural(len(r.Pending), "migration is pending", "migrations are pending"))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&status, "status", false, "only say what is pending")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

// migrationReport is what `rouse migrate --json` writes.
type migrationReport struct {
	Applied []string `json:"applied"`
	Pending []string `json:"pending"`
	Newer   []string `json:"newer"` // in the database, and unknown to this binary
}

func migrateUp(cmd *cobra.Command, db postgres) (migrationReport, error) {
	done, err := migrations.Up(cmd.Context(), db.Pool)
	return migrationReport{Applied: done.Applied, Newer: done.Newer}.filled(), err
}

func migrationStatus(cmd *cobra.Command, db postgres) (migrationReport, error) {
	found, err := migrations.Check(cmd.Context(), db.Pool)
	return migrationReport{Pending: found.Pending, Newer: found.Newer}.filled(), err
}

// filled has empty lists for missing ones: in JSON they are [], not null.
func (r migrationReport) filled() migrationReport {
	for _, list := range []*[]string{&r.Applied, &r.Pending, &r.Newer} {
		*list = append([]string{}, *list...)
	}
	return r
}

func (r migrationReport) table() (t table) {
	for _, name := range r.Applied {
		t.add(green, "applied", name)
	}
	for _, name := range r.Pending {
		t.add(yellow, "pending", name)
	}
	for _, name := range r.Newer {
		t.add("", "newer", name, "of a later version of Rouse")
	}
	if len(t.lines) == 0 || len(r.Applied)+len(r.Pending) == 0 {
		t.add("", "The database is up to date.")
	}
	return t
}
