package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Template is how operators want the messages of one channel and purpose to read in a language; what is "" is
// as it is built in.
type Template struct {
	Language, Channel, Purpose string
	Title, Text, Options       string
	Version                    int
	CreatedAt, UpdatedAt       time.Time
}

// Language is a set of words, each sentence by its name.
type Language struct {
	Tag                  string
	Unicode              bool            // not written in the alphabet of SMS
	Words                json.RawMessage // an object of strings; whoever changes it by hand may have written another
	Version              int
	CreatedAt, UpdatedAt time.Time
}

// WordingVersion counts changes of templates and languages.
func (s Store) WordingVersion(ctx context.Context) (version int64, err error) {
	if err = s.db.QueryRow(ctx, `select version from wording`).Scan(&version); err != nil {
		return 0, fmt.Errorf("asking for the version of the wording: %w", err)
	}
	return version, nil
}

// Templates lists all.
func (s Store) Templates(ctx context.Context) ([]Template, error) {
	rows, _ := s.db.Query(ctx, `select `+templateColumns+` from template order by language, channel, purpose`)
	all, err := pgx.CollectRows(rows, scanTemplate)
	if err != nil {
		return nil, fmt.Errorf("listing templates: %w", err)
	}
	return all, nil
}

// Template reads one, or gives ErrNotFound.
func (s Store) Template(ctx context.Context, language, channel, purpose string) (Template, error) {
	rows, _ := s.db.Query(ctx, `select `+templateColumns+` from template where language = $1 and channel = $2 and purpose = $3`, language, channel, purpose)
	t, err := pgx.CollectExactlyOneRow(rows, scanTemplate)
	return t, notFound(err, "reading a template")
}

const templateColumns = `language, channel, purpose, title, text, options, version, created_at, updated_at`

func scanTemplate(row pgx.CollectableRow) (t Template, err error) {
	return t, row.Scan(&t.Language, &t.Channel, &t.Purpose, &t.Title, &t.Text, &t.Options, &t.Version, &t.CreatedAt, &t.UpdatedAt)
}

// PutTemplate stores a template: a new one, or in the place of that of the given version (AnyVersion: of any).
// ErrVersion if that is another one by now, or is gone.
func (s Store) PutTemplate(ctx context.Context, t Template, version int) error {
	return s.changeWording(ctx, `insert into template (language, channel, purpose, title, text, options) select $1, $2, $3, $4, $5, $6
			where $7 = 0 or exists (select from template where language = $1 and channel = $2 and purpose = $3)
		on conflict (language, channel, purpose) do update set title = $4, text = $5, options = $6, version = template.version + 1, updated_at = now()
			where $7 = 0 or template.version = $7`, t.Language, t.Channel, t.Purpose, t.Title, t.Text, t.Options, version)
}

// DeleteTemplate takes one away. ErrVersion if it is another one by now, or is gone.
func (s Store) DeleteTemplate(ctx context.Context, language, channel, purpose string, version int) error {
	return s.changeWording(ctx, `delete from template where language = $1 and channel = $2 and purpose = $3 and ($4 = 0 or version = $4)`, language, channel, purpose, version)
}

// Languages lists all.
func (s Store) Languages(ctx context.Context) ([]Language, error) {
	rows, _ := s.db.Query(ctx, `select `+languageColumns+` from language order by tag`)
	all, err := pgx.CollectRows(rows, scanLanguage)
	if err != nil {
		return nil, fmt.Errorf("listing languages: %w", err)
	}
	return all, nil
}

// Language reads one, or gives ErrNotFound.
func (s Store) Language(ctx context.Context, tag string) (Language, error) {
	rows, _ := s.db.Query(ctx, `select `+languageColumns+` from language where tag = $1`, tag)
	l, err := pgx.CollectExactlyOneRow(rows, scanLanguage)
	return l, notFound(err, "reading a language")
}

const languageColumns = `tag, "unicode", words, version, created_at, updated_at`

func scanLanguage(row pgx.CollectableRow) (l Language, err error) {
	return l, row.Scan(&l.Tag, &l.Unicode, &l.Words, &l.Version, &l.CreatedAt, &l.UpdatedAt)
}

// PutLanguage is PutTemplate for a language.
func (s Store) PutLanguage(ctx context.Context, l Language, version int) error {
	return s.changeWording(ctx, `insert into language (tag, "unicode", words) select $1, $2, $3
			where $4 = 0 or exists (select from language where tag = $1)
		on conflict (tag) do update set "unicode" = $2, words = $3, version = language.version + 1, updated_at = now()
			where $4 = 0 or language.version = $4`, l.Tag, l.Unicode, l.Words, version)
}

// DeleteLanguage is DeleteTemplate for a language.
func (s Store) DeleteLanguage(ctx context.Context, tag string, version int) error {
	return s.changeWording(ctx, `delete from language where tag = $1 and ($2 = 0 or version = $2)`, tag, version)
}

// changeWording makes a change that every node has to know of, of one row; ErrVersion if there was none to
// change.
func (s Store) changeWording(ctx context.Context, sql string, args ...any) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update wording set version = version + 1`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrVersion
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("changing the wording: %w", err)
	}
	return nil
}
