package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rouse/api/keys"
	"rouse/engine"
	"rouse/engine/enginedb"
)

func (c *cli) tokenListCommand() *cobra.Command {
	var service, zone string
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List keys, without their secrets",
		Long: `List shows the keys of no service, or with --service the integration keys of one: what they may do, the
only dialect they are for, whether their sender has to sign, and when they were last used (to the minute).`,
		Example: `  rouse token list
  rouse token list --service bitbucket`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.reader(zone)
			if err != nil {
				return err
			}
			var found []enginedb.Key
			err = c.withKeys(cmd.Context(), func(ctx context.Context, db enginedb.Store, _ keys.Maker) (err error) {
				if found, err = listKeys(ctx, db, engine.ServiceID(service)); err != nil || len(found) > 0 || service == "" {
					return err
				}
				if _, err = db.Service(ctx, engine.ServiceID(service)); errors.Is(err, enginedb.ErrNotFound) {
					return fmt.Errorf("there is no service %s: `rouse export` shows those there are", clean(service))
				}
				return err
			})
			if err != nil {
				return err
			}
			if !all {
				found = slices.DeleteFunc(found, func(k enginedb.Key) bool { return !k.RevokedAt.IsZero() })
			}
			if asJSON {
				shown := []shown{}
				for _, k := range found {
					shown = append(shown, shownKey(k, ""))
				}
				return encodeJSON(c.stdout, shown)
			}
			return c.print(keyTable(found, service, r))
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "the integration keys of this service")
	cmd.Flags().BoolVar(&all, "all", false, "revoked ones, too")
	cmd.Flags().StringVar(&zone, "zone", "", "time zone of the answer (default the machine's)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func listKeys(ctx context.Context, db enginedb.Store, service engine.ServiceID) (all []enginedb.Key, err error) {
	for {
		last := int64(0)
		if len(all) > 0 {
			last = all[len(all)-1].ID
		}
		found, err := db.Keys(ctx, service, last, 500)
		if err != nil || len(found) == 0 {
			return all, err
		}
		all = append(all, found...)
	}
}

func keyTable(keys []enginedb.Key, service string, r reader) (t table) {
	switch {
	case len(keys) == 0 && service != "":
		t.add("", fmt.Sprintf("Service %s has no keys. Make one: rouse token create --service %s --name alertmanager", service, service))
		return t
	case len(keys) == 0:
		t.add("", "There are no keys. Make one: rouse token create --scope admin --name laptop")
		return t
	}
	t.add(bold, "ID", "NAME", "KEY", "MAY", "FOR", "DIALECT", "MADE", "LAST USED")
	for _, k := range keys {
		used, paint := "never", colour("")
		if !k.LastUsedAt.IsZero() {
			used = r.show(k.LastUsedAt)
		}
		if !k.RevokedAt.IsZero() {
			used, paint = "revoked "+r.show(k.RevokedAt), faint
		}
		t.add(paint, fmt.Sprint(k.ID), k.Name, k.Prefix+"…", joined(k.Scopes), string(k.Service)+string(k.Person), dialectOf(k), r.show(k.CreatedAt), used)
	}
	return t
}

func dialectOf(k enginedb.Key) string {
	if len(k.Sealed) > 0 {
		return k.Dialect + ", signed"
	}
	return k.Dialect
}

func joined(scopes []enginedb.Scope) string {
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, ",")
}

func (c *cli) tokenRevokeCommand() *cobra.Command {
	var service string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a key for good",
		Long:  "Revoke ends a key for good. `rouse token list` shows the ids.",
		Example: `  rouse token revoke 3
  rouse token revoke 7 --service bitbucket`,
		Args: takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usagef("%q is not the id of a key: `rouse token list` shows them", args[0])
			}
			err = c.withKeys(cmd.Context(), func(ctx context.Context, db enginedb.Store, _ keys.Maker) error {
				return db.RevokeKey(ctx, engine.ServiceID(service), id)
			})
			switch {
			case errors.Is(err, enginedb.ErrNotFound):
				return fmt.Errorf("there is no key %d here: `rouse token list` shows them; those of a service need --service", id)
			case err != nil:
				return err
			case asJSON:
				return encodeJSON(c.stdout, map[string]any{"id": id, "revoked": true})
			}
			_, err = fmt.Fprintf(c.stdout, "Key %d is revoked.\n", id)
			return err
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "the service whose integration key it is")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
