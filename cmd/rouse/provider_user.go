package main

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (c *cli) providerUserCommand() *cobra.Command {
	var asJSON, remove bool
	cmd := &cobra.Command{
		Use:   "user CHAT USER [HANDLE]",
		Short: "Say who somebody is in a chat",
		Long: `User says that somebody in a chat is a person that Rouse knows, so that the buttons of a post count as that
person's. USER is the chat's own id, which Rouse tells to who presses a button and is not known.`,
		Example: `  rouse provider user slack U0123456789 ann
  rouse provider user slack U0123456789 --remove`,
		Args: func(cmd *cobra.Command, args []string) error {
			if remove {
				return takes("CHAT", "USER")(cmd, args)
			}
			return takes("CHAT", "USER", "HANDLE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			path, said := providerPath(args[0])+"/users/"+url.PathEscape(args[1]), map[string]any{"provider": args[0], "user": args[1]}
			if remove {
				_, err = api.do(cmd.Context(), http.MethodDelete, path, nil, nil)
				said["removed"] = true
			} else {
				_, err = api.do(cmd.Context(), http.MethodPut, path, map[string]string{"person": args[2]}, nil)
				said["person"] = args[2]
			}
			switch {
			case err != nil:
				return err
			case asJSON:
				return encodeJSON(c.stdout, said)
			case remove:
				_, err = fmt.Fprintf(c.stdout, "%s is nobody in %s any more.\n", clean(args[1]), clean(args[0]))
			default:
				_, err = fmt.Fprintf(c.stdout, "%s is %s in %s.\n", clean(args[1]), clean(args[2]), clean(args[0]))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "nobody is that user any more")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
