package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rouse/api/keys"
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
key has to come from somewhere. Keys are kept as a hash; a key is shown once, when it is made.

To give a sender another key without losing an alert, let it have two for a while:
  1. make the second one:  rouse token create --service bitbucket --name "alertmanager 2"
  2. set it at the sender; both are good
  3. wait until LAST USED of the first one stands still:  rouse token list --service bitbucket
  4. revoke that:  rouse token revoke 7 --service bitbucket`,
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
	Dialect    string           `json:"dialect,omitempty"`
	Settings   json.RawMessage  `json:"settings,omitempty"`
	Signed     bool             `json:"signed"`
	Live       bool             `json:"live"`
	CreatedAt  time.Time        `json:"created_at"`
	LastUsedAt time.Time        `json:"last_used_at,omitzero"`
	RevokedAt  time.Time        `json:"revoked_at,omitzero"`
}

func shownKey(k enginedb.Key, text string) shown {
	s := shown{ID: k.ID, Name: k.Name, Key: text, Prefix: k.Prefix, Scopes: k.Scopes, Service: k.Service, Person: k.Person,
		Dialect: k.Dialect, Signed: len(k.Sealed) > 0, Live: k.RevokedAt.IsZero(), CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt}
	if string(k.Settings) != "{}" {
		s.Settings = k.Settings
	}
	return s
}

// withKeys runs f on the database, in one transaction. A private one is migrated first, as nobody else may have
// been there.
func (c *cli) withKeys(ctx context.Context, f func(context.Context, enginedb.Store, keys.Maker) error) error {
	cfg, err := parseConfig(c.getenv, database, logging)
	if err != nil {
		return err
	}
	db, err := c.openTold(ctx, cfg)
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
	secrets, err := secretBox(cfg, c.getenv)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error { return f(ctx, enginedb.New(tx), keys.Maker{Secrets: secrets}) })
}
