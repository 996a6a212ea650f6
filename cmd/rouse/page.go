package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// pageIn is the body of POST /v1/incidents/{key}/page.
type pageIn struct {
	Person string `json:"person,omitempty"`
	Roster string `json:"roster,omitempty"`
	Role   string `json:"role,omitempty"`
	Why    string `json:"why,omitempty"`
	By     string `json:"by,omitempty"`
}

func (c *cli) pageCommand() *cobra.Command {
	var asJSON bool
	var in pageIn
	cmd := &cobra.Command{
		Use:   "page KEY NAME",
		Short: "Page another person or team into an incident",
		Long: `Page pages a person, or whoever is on call in a roster, into an incident that is open. Nobody needs
to have it in hand. If they do not answer, the catch-all roster is paged.

NAME is a person's handle or a roster's slug. Where it is both, write person:NAME or roster:NAME.`,
		Example: `  rouse page HOT-1234 dba --why "replication lag grows"
  rouse page HOT-1234 person:ann --role "communications manager"`,
		Args: takes("KEY", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := in.find(cmd.Context(), api, args[1]); err != nil {
				return err
			}
			var did struct {
				Escalation int `json:"escalation"`
			}
			raw, err := api.post(cmd.Context(), incidentPath(args[0])+"/page", in, &did)
			if err != nil {
				return aboutIncident(args[0], err)
			}
			if asJSON {
				return c.printJSON(raw)
			}
			var t table
			t.add(green, fmt.Sprintf("%s: %s is being paged (escalation %d).", strings.ToUpper(args[0]), in.target(), did.Escalation))
			return c.print(t)
		},
	}
	cmd.Flags().StringVar(&in.Role, "role", "", "what they are needed as (default their name)")
	cmd.Flags().StringVar(&in.Why, "why", "", "a line of why; they read it in the page")
	cmd.Flags().StringVar(&in.By, "as", "", "handle of the person who pages them (default the key's person)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

// find tells whether name is a person or a roster.
func (p *pageIn) find(ctx context.Context, api *client, name string) error {
	if kind, rest, found := strings.Cut(name, ":"); found {
		switch kind {
		case "person":
			p.Person = rest
		case "roster":
			p.Roster = rest
		default:
			return usagef("%q is neither person:NAME nor roster:NAME", name)
		}
		return nil
	}
	person, err := api.exists(ctx, "/v1/people/"+url.PathEscape(name))
	if err != nil {
		return err
	}
	roster, err := api.exists(ctx, "/v1/rosters/"+url.PathEscape(name))
	switch {
	case err != nil:
		return err
	case person && roster:
		return usagef("%s is a person and a roster: write person:%s or roster:%s", name, name, name)
	case person:
		p.Person = name
	case roster:
		p.Roster = name
	default:
		return fmt.Errorf("there is neither a person nor a roster %s: `rouse oncall` lists the rosters and who is on call", clean(name))
	}
	return nil
}

func (p pageIn) target() string {
	if p.Roster != "" {
		return "whoever is on call in " + p.Roster
	}
	return p.Person
}

// exists tells whether there is something at path; a name that no slug can be is nowhere.
func (c *client) exists(ctx context.Context, path string) (bool, error) {
	_, err := c.get(ctx, path, nil, new(any))
	if hasStatus(err, http.StatusNotFound) || hasStatus(err, http.StatusBadRequest) || hasStatus(err, http.StatusUnprocessableEntity) {
		return false, nil
	}
	return err == nil, err
}
