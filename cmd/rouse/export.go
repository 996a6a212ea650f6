package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"
)

const (
	configurationPath = "/v1/configuration"
	largestAnswer     = 64 << 20        // bytes of a configuration
	longestChange     = 5 * time.Minute // how long one is waited for; the server gives it as much
)

// configurationClient waits longer, and for more, than the others do.
func (c *cli) configurationClient() (*client, error) {
	api, err := c.client()
	if err == nil {
		api.most, api.http.Timeout = largestAnswer, longestChange
	}
	return api, err
}

func (c *cli) exportCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write teams, people, rosters, policies, services and rules as one file",
		Long: `Export writes the whole configuration to standard output, in an order that keeps the differences between
two exports small. Changed in an editor it goes back by rouse plan and rouse apply.

Overrides and swaps are no part of it, nor are keys. It needs a key with the scope admin.`,
		Example: `  rouse export > rouse.yaml
  rouse export --json | jq '.rosters[].slug'`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.configurationClient()
			if err != nil {
				return err
			}
			var all map[string]json.RawMessage
			raw, err := api.get(cmd.Context(), configurationPath, nil, &all)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			return writeConfiguration(c.stdout, api.base, raw)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}
