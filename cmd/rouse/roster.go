package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) rosterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Show the calendar of a roster, take shifts, override",
		Long: `Roster shows who is on call in a roster and when, and changes it for a span. Its rotations are changed
through the API.`,
		Example: `  rouse roster show bitbucket-im
  rouse roster take bitbucket-im --until 18:00
  rouse roster swap bitbucket-im --with bob --give "2026-12-24 12:00"
  rouse roster override bitbucket-im --person bob --from "2026-12-24 09:00" --to "2026-12-27 09:00"`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.rosterShowCommand(), c.rosterTakeCommand(), c.rosterSwapCommand(), c.rosterOverrideCommand())
	return cmd
}

func rosterPath(slug string) string { return "/v1/rosters/" + url.PathEscape(slug) }

// aboutRoster makes a 404 say what to do.
func aboutRoster(slug string, err error) error {
	if r, ok := errors.AsType[*refusal](err); ok && r.status == http.StatusNotFound && !strings.Contains(r.text, " of roster ") {
		return errors.New(clean(fmt.Sprintf("there is no roster %s: `rouse oncall` lists the rosters there are", slug)))
	}
	return err
}
