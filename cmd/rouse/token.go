package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations"
	"rouse/rosters"
)

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke API keys",
		Long: `Token makes, lists and revokes API keys, directly in the database in ROUSE_DATABASE_URL: the first
key has to come from somewhere. Keys are kept as a hash; a key is shown once, when it is made.`,
		Example: `  rouse token create --scope admin --name laptop
  rouse token create --service bitbucket --name alertmanager
  rouse token list`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.tokenCreateCommand(), c.tokenListCommand(), c.tokenRevokeCommand())
	return cmd
}

// shown is a key as `rouse token --json` writes it.
type shown struct {
	ID         int64            `json:"id"`
	Name       string           `json:"name"`
	Key        string           `json:"key,omitempty"` // only when it was just made
	Prefix     string           `json:"prefix"`
	Scopes     []enginedb.Scope `json:"scopes"`
	Service    engine.ServiceID `json:"service,omitempty"`
	Person     rosters.PersonID `json:"person,omitempty"`
	CreatedAt  time.Time        `json:"created_at"`
	LastUsedAt time.Time        `json:"last_used_at,omitzero"`
	RevokedAt  time.Time        `json:"revoked_at,omitzero"`
}

func shownKey(k enginedb.Key, secret string) shown {
	return shown{ID: k.ID, Name: k.Name, Key: secret, Prefix: k.Prefix, Scopes: k.Scopes, Service: k.Service, Person: k.Person,
		CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt}
}

// withKeys runs f on the database. A private one is migrated first, as nobody else may have been there.
func (c *cli) withKeys(ctx context.Context, f func(context.Context, enginedb.Store) error) error {
	cfg, err := parseConfig(c.getenv, database, logging)
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, cfg, c.getenv, c.quietLog(cfg))
	if err != nil {
		return err
	}
	defer db.Close()
	if cfg.databaseURL == "" {
		_, err = migrations.Up(ctx, db.Pool)
	} else if pending, e := migrations.Pending(ctx, db.Pool); len(pending) > 0 {
		err = errors.New("the database lacks this version's tables: run `rouse migrate` first")
	} else {
		err = e
	}
	if err != nil {
		return err
	}
	return f(ctx, enginedb.New(db.Pool))
}
