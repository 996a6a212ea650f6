package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

func (c *cli) tokenCreateCommand() *cobra.Command {
	var k enginedb.Key
	var scopes []string
	var service, person string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key and show it, once",
		Long: `Create makes a key and writes it to standard output, alone, so that it can be put into a variable.

A key's scopes say what it may do:
  read     look at everything
  respond  read, and answer, page and resolve; with --person it acts as that person
  admin    everything
  intake   send alerts, and nothing else; with --service, which implies it, for that service`,
		Example: `  rouse token create --scope admin --name laptop
  rouse token create --scope respond --person ann --name "ann's shell"
  rouse token create --service bitbucket --name alertmanager
  export ROUSE_TOKEN=$(rouse token create --scope admin --name laptop)`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			k.Service, k.Person = engine.ServiceID(service), rosters.PersonID(person)
			if k.Scopes, err = scopesOf(scopes, k); err != nil {
				return err
			}
			if k.Name = strings.TrimSpace(k.Name); k.Name == "" {
				return usagef("--name is missing: say who or what the key is for, such as --name laptop")
			}
			return c.withKeys(cmd.Context(), func(ctx context.Context, db enginedb.Store) error {
				secret, made, err := db.CreateKey(ctx, k)
				if errors.Is(err, enginedb.ErrNotFound) {
					return fmt.Errorf("there is no %s: make it first, through the API", ownerOf(k))
				}
				if err != nil {
					return err
				}
				if asJSON {
					return encodeJSON(c.stdout, shownKey(made, secret))
				}
				fmt.Fprintf(c.stderr, "Key %d is made. It is not shown again:\n", made.ID)
				_, err = fmt.Fprintln(c.stdout, secret)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&k.Name, "name", "", "who or what the key is for")
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "what it may do: read, respond, admin or intake")
	cmd.Flags().StringVar(&service, "service", "", "make an integration key of this service")
	cmd.Flags().StringVar(&person, "person", "", "the person whom a respond key acts as")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

// scopesOf checks the scopes asked for. A service's key may send alerts and do nothing else.
func scopesOf(names []string, k enginedb.Key) (scopes []enginedb.Scope, err error) {
	if k.Service != "" && len(names) == 0 {
		names = []string{string(enginedb.ScopeIntake)}
	}
	if len(names) == 0 {
		return nil, usagef("--scope is missing: use read, respond, admin or intake, or --service for an integration key")
	}
	known := []enginedb.Scope{enginedb.ScopeRead, enginedb.ScopeRespond, enginedb.ScopeAdmin, enginedb.ScopeIntake}
	for _, name := range names {
		scope := enginedb.Scope(name)
		switch {
		case !slices.Contains(known, scope):
			return nil, usagef("there is no scope %q: use read, respond, admin or intake", name)
		case scope != enginedb.ScopeIntake && k.Service != "":
			return nil, usagef("a service's key sends alerts and nothing else: leave out --scope %s or --service", name)
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if k.Person != "" && !slices.Contains(scopes, enginedb.ScopeRespond) {
		return nil, usagef("--person goes with --scope respond: it says as whom the key answers")
	}
	return scopes, nil
}

func ownerOf(k enginedb.Key) string {
	if k.Service != "" {
		return "service " + string(k.Service)
	}
	return "person " + string(k.Person)
}
