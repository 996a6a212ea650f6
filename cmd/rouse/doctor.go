package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rouse/api/providers"
)

// verdict is what doctor thinks of one thing.
type verdict string

const (
	pass verdict = "ok"
	warn verdict = "warn" // works, and might not be meant so
	fail verdict = "fail"
)

// finding is one line of doctor's: what was looked at, and what was found. If it is not pass, the text
// says what to do.
type finding struct {
	Check  string  `json:"check"`
	Status verdict `json:"status"`
	Text   string  `json:"text"`
}

// week is how far ahead doctor looks at who is on call.
const week = 7 * 24 * time.Hour

func (c *cli) doctorCommand() *cobra.Command {
	var asJSON bool
	var zone string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that everything that pages works",
		Long: `Doctor checks, and says what to do about it:
  - the database answers and has this version's schema
  - what senders sign with can be decrypted with the key that is set
  - the providers accept the credentials, the last message or post of each did not fail, and messages
    to their robots come back
  - how long a message waits for its receipt, and whether more was sent than the budget has
  - Rouse answers at its public URL, is ready to page, and nothing is overdue
  - a dead-man's switch elsewhere is told that Rouse lives
  - whoever is on call in the next 7 days has a contact that can be used; the catch-all roster has no gap

It needs the same settings as "rouse serve", and sends no message. It fails if a line says FAIL.`,
		Example: `  rouse doctor
  rouse doctor --json | jq '.[] | select(.status == "fail")'`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := parseConfig(c.getenv, serverSections...)
			if err != nil {
				return err
			}
			r, err := c.reader(zone)
			if err != nil {
				return err
			}
			findings := c.examine(cmd.Context(), cfg, r)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if asJSON {
				err = encodeJSON(c.stdout, findings)
			} else {
				err = c.print(findingTable(findings))
			}
			if err != nil {
				return err
			}
			return failures(findings)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	cmd.Flags().StringVar(&zone, "zone", "", "time zone of the answer (default the machine's)")
	return cmd
}

func (c *cli) examine(ctx context.Context, cfg config, r reader) (all []finding) {
	var stored []providers.Opened
	db, err := openDatabase(ctx, cfg, c.getenv, c.quietLog(cfg))
	if err != nil {
		all = append(all, finding{"database", fail, err.Error()})
	} else {
		defer db.Close()
		all = append(all, examineDatabase(ctx, cfg, c.getenv, db)...)
		all = append(all, examineSecrets(ctx, cfg, c.getenv, db))
		if carriers, err := readCarriers(ctx, cfg, c.getenv, db); err != nil {
			all = append(all, finding{"providers", fail, err.Error()})
		} else {
			stored = carriers.Opened()
			all = append(all, examineDelivery(ctx, cfg, db, carriers, r)...)
		}
	}
	all = append(all, examineServer(ctx, cfg)...)
	all = append(all, examineProviders(ctx, cfg, stored)...)
	if err == nil {
		all = append(all, examineOnCall(ctx, cfg, c.getenv, db, r)...)
	}
	return all
}

func findingTable(findings []finding) (t table) {
	words := map[verdict]string{pass: "OK", warn: "WARN", fail: "FAIL"}
	colours := map[verdict]colour{pass: green, warn: yellow, fail: red}
	for _, f := range findings {
		t.add(colours[f.Status], words[f.Status], f.Check, oneLine(f.Text))
	}
	return t
}

func failures(findings []finding) error {
	failed := 0
	for _, f := range findings {
		if f.Status == fail {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d checks failed", failed, len(findings))
}
