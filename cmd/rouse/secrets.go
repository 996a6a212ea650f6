package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rouse/api/keys"
	"rouse/api/seal"
	"rouse/engine/enginedb"
)

// secretKeyFile is where the key of a private database lies, in its folder and outside its data, so that a copy
// of these holds no secret. It may be used as ROUSE_SECRET_KEY_FILE.
const secretKeyFile = "secret-key"

// secretBox is what secrets in the database are sealed with: the keys that are set and, of a private database,
// the one that is kept beside it. That seals if none is set; it is made if it is absent.
func secretBox(cfg config, getenv func(string) string) (*seal.Box, error) {
	all := cfg.secretKeys
	if cfg.databaseURL == "" {
		kept, err := keptKeys(filepath.Join(privateDir(cfg, getenv), secretKeyFile))
		if err != nil {
			return nil, fmt.Errorf("the key of the private database: %w", err)
		}
		all = append(all[:len(all):len(all)], kept...)
	}
	return seal.New(all...), nil
}

// keptKeys reads a file of keys, and makes it if it is absent.
func keptKeys(file string) ([]seal.Key, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyFile(file); err != nil {
			return nil, err
		}
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	found, err := seal.ParseKeys(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s %w", file, err)
	}
	return found, nil
}

// makeKeyFile makes a file with a new key. It comes into being whole, or not at all; if another process was
// faster, its key stays.
func makeKeyFile(file string) error {
	var secret [seal.Size]byte
	_, _ = rand.Read(secret[:])                                            // never fails
	half, err := os.CreateTemp(filepath.Dir(file), secretKeyFile+".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(half.Name())
	_, err = half.WriteString(base64.StdEncoding.EncodeToString(secret[:]) + "\n")
	if err = errors.Join(err, half.Sync(), half.Close()); err != nil {
		return err
	}
	if err := os.Link(half.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync() // or a power cut takes the key, and what was sealed with it stays
}

// examineSecrets looks whether the secrets in the database open.
func examineSecrets(ctx context.Context, cfg config, getenv func(string) string, db postgres) finding {
	const check = "secrets"
	secrets, err := secretBox(cfg, getenv)
	if err != nil {
		return finding{check, fail, err.Error()}
	}
	found, err := keys.Survey(ctx, enginedb.New(db.Pool), secrets)
	if err != nil {
		return finding{check, fail, err.Error()}
	}
	return secretsFinding(found, secrets)
}

func secretsFinding(found keys.Sealed, secrets *seal.Box) finding {
	const check = "secrets"
	first, any := secrets.First()
	switch {
	case len(found.Closed) > 0:
		c := found.Closed[0]
		if c.Provider != "" { // those of keys come first
			text := fmt.Sprintf("%d of %d cannot be decrypted, and the providers that they are of cannot be used: those of %s: %v. To mend it, %s",
				len(found.Closed), found.All, c.Provider, c.Err, keys.Remedy(c.Err))
			return finding{check, warn, text}
		}
		text := fmt.Sprintf("%d of %d cannot be decrypted, and what their senders send is answered with 503: that of key %d (%s…%s): %v. To mend it, %s",
			len(found.Closed), found.All, c.Key.ID, c.Key.Prefix, ofService(c.Key), c.Err, keys.Remedy(c.Err))
		return finding{check, warn, text}
	case found.All == 0 && !any:
		return finding{check, pass, "none are kept, and none can be: to keep what senders sign with, set ROUSE_SECRET_KEY (openssl rand -base64 32)"}
	case found.All == 0:
		return finding{check, pass, "none are kept"}
	case found.Older > 0:
		return finding{check, pass, fmt.Sprintf("%d of %d are encrypted with an older key, which is needed until a node has begun with key %s before it", found.Older, found.All, first)}
	}
	return finding{check, pass, fmt.Sprintf("%s, with key %s; no other one is needed", plural(found.All, "is encrypted", "are encrypted"), first)}
}

func ofService(k enginedb.Key) string {
	if k.Service == "" {
		return ""
	}
	return " of service " + string(k.Service)
}
