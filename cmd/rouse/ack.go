package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

// reply is what an answer did, as POST /v1/incidents/{key}/acknowledge tells.
type reply struct {
	Outcome  string `json:"outcome"`
	Key      string `json:"key"`
	Severity int    `json:"severity"`
	Summary  string `json:"summary"`
	Role     string `json:"role"`
	Person   string `json:"person"`
}

func (c *cli) ackCommand() *cobra.Command {
	var asJSON bool
	var as string
	cmd := &cobra.Command{
		Use:   "ack KEY",
		Short: "Acknowledge an incident: it is yours, and the paging stops",
		Long: `Ack acknowledges an incident. Whoever acknowledges the manager's page is the incident manager; others
take the role that they were paged for.

It answers as the person whose API key is in ROUSE_TOKEN; a key that is nobody's needs --as.`,
		Example: `  rouse ack HOT-1234
  rouse ack HOT-1234 --as ann`,
		Args: takes("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			in := struct {
				Person string `json:"person,omitempty"`
			}{as}
			var did reply
			raw, err := api.post(cmd.Context(), incidentPath(args[0])+"/acknowledge", in, &did)
			switch {
			case as == "" && hasStatus(err, http.StatusUnprocessableEntity):
				return fmt.Errorf("%w\nSay who answers: `rouse ack %s --as ann`", err, clean(args[0]))
			case hasStatus(err, http.StatusUnprocessableEntity):
				return fmt.Errorf("%w\nSay who answers by their handle: `rouse oncall` shows those on call, `rouse export` with an admin's key everybody", err)
			case err != nil:
				return aboutIncident(args[0], err)
			}
			if asJSON {
				return c.printJSON(raw)
			}
			var t table
			t.add(green, did.String())
			return c.print(t)
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "handle of the person who answers (default the key's person)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (r reply) String() string {
	did := "acknowledged it"
	switch {
	case r.Outcome == "incident_manager":
		did = "is the incident manager"
	case r.Outcome == "still_on":
		did = "still has it in hand"
	case r.Outcome == "acknowledged" && r.Role != "":
		did = "takes the role " + oneLine(r.Role)
	}
	return fmt.Sprintf("%s (severity %d, %s): %s %s.", r.Key, r.Severity, oneLine(r.Summary), r.Person, did)
}
