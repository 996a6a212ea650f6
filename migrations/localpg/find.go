package localpg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// usualFolders is where packages put Postgres. Debian and others keep it out of PATH.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin",      // Debian, Ubuntu
	"/usr/lib/postgresql*/bin",       // openSUSE
	"/usr/pgsql-*/bin",               // PGDG on Red Hat
	"/usr/libexec/postgresql*",       // Alpine
	"/usr/local/pgsql/bin",           // make install
	"/usr/local/opt/postgresql*/bin", // Homebrew, Intel
	"/opt/homebrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

const advice = "install it (apt-get install postgresql / brew install postgresql@17), " +
	"or name its folder in PG_BIN, or give Rouse a database in ROUSE_DATABASE_URL"

// Find returns the folder with the binaries initdb and postgres: PG_BIN, else the first in PATH, else the newest of the
// folders that packages install to, else one that Rouse downloaded earlier. The error wraps ErrNoBinaries and says what
// to do. A PG_BIN without binaries is an error, not passed over.
func Find(getenv func(string) string) (string, error) {
	found, err := findAll(getenv, "/")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%w: %s", ErrNoBinaries, advice)
	}
	return found[0], nil
}

// findAll is every candidate below root, best first.
func findAll(getenv func(string) string, root string) ([]string, error) {
	if dir := getenv("PG_BIN"); dir != "" {
		if !complete(dir) {
			return nil, fmt.Errorf("%w: PG_BIN is %s, which has no initdb and postgres", ErrNoBinaries, dir)
		}
		return []string{dir}, nil
	}
	var candidates, usual []string
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if link, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
			candidates = append(candidates, filepath.Dir(link), dir) // a link leads to where its sisters are
		}
	}
	for _, pattern := range usualFolders {
		dirs, _ := filepath.Glob(filepath.Join(root, pattern)) // the only error is a bad pattern
		usual = append(usual, dirs...)
	}
	slices.SortStableFunc(usual, func(a, b string) int { return versionInPath(b) - versionInPath(a) })
	candidates = append(candidates, usual...)
	if cache := cacheDir(getenv); cache != "" {
		candidates = append(candidates, downloaded(cache))
	}
	var found []string
	for _, dir := range candidates {
		if complete(dir) && !slices.Contains(found, dir) {
			found = append(found, dir)
		}
	}
	return found, nil
}

// complete reports whether dir has what it takes to make a cluster and run it.
func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

var digits = regexp.MustCompile(`\d+`)

// versionInPath is the last number in a path, zero if there is none: 15 for /usr/lib/postgresql/15/bin.
func versionInPath(path string) int {
	all := digits.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

// binaries chooses what to run on a folder that was made by the major version made ("" for a new one): a machine that has
// been given a newer Postgres must still start the folder of the old one as long as both are installed.
func binaries(ctx context.Context, opts Options, made string) (string, error) {
	found := []string{opts.Bin}
	if opts.Bin == "" {
		var err error
		if found, err = findAll(opts.Getenv, "/"); err != nil {
			return "", err
		}
	} else if !complete(opts.Bin) {
		return "", fmt.Errorf("%w: %s has no initdb and postgres", ErrNoBinaries, opts.Bin)
	}
	if len(found) == 0 {
		bin, err := download(ctx, opts.Getenv, opts.Log, "")
		if err != nil {
			return "", fmt.Errorf("%w: %s (downloading it failed too: %w)", ErrNoBinaries, advice, err)
		}
		found = []string{bin}
	}
	if made == "" {
		return found[0], nil
	}
	var have []string
	for _, bin := range found {
		version, err := majorVersion(ctx, bin)
		if err != nil {
			return "", err
		}
		if version == made {
			return bin, nil
		}
		have = append(have, fmt.Sprintf("%s (%s)", version, bin))
	}
	return "", fmt.Errorf("%w: it was made by Postgres %s, and this machine has %s: install Postgres %s, name its binaries "+
		"in PG_BIN, or carry the data over with pg_dump or pg_upgrade", ErrOtherVersion, made, strings.Join(have, ", "), made)
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+(?:\.\d+)?)`)

// majorVersion asks the binary: "15", and "9.6" before version 10.
func majorVersion(ctx context.Context, bin string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s/postgres for its version: %w", bin, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s/postgres says its version is %q", bin, out)
	}
	major, _, _ := strings.Cut(string(m[1]), ".")
	if n, _ := strconv.Atoi(major); n >= 10 {
		return major, nil
	}
	return string(m[1]), nil
}
