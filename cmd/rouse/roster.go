package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (c *cli) rosterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Show the calendar of a roster",
		Long:  "Roster shows who is on call in a roster, and when.",
		Example: `  rouse roster show bitbucket-im
  rouse roster show imoc --weeks 8 --zone Europe/Berlin`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.rosterShowCommand())
	return cmd
}

func rosterPath(slug string) string { return "/v1/rosters/" + url.PathEscape(slug) }

// aboutRoster makes a 404 say what to do.
func aboutRoster(slug string, err error) error {
	if hasStatus(err, http.StatusNotFound) {
		return errors.New(clean(fmt.Sprintf("there is no roster %s: `rouse oncall` lists the rosters there are", slug)))
	}
	return err
}
