package prove

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// previous is the program of the release before: the one that was given, or else the one of the commit
// before, if we stand in the sources.
func (t *trial) previous(ctx context.Context) (program string, err error) {
	given := t.o.Previous
	if info, err := os.Stat(given); given != "" && err == nil && info.Mode().IsRegular() {
		return filepath.Abs(given)
	}
	ref := given
	if ref == "" {
		ref = "HEAD~1"
	}
	top, err := exec.CommandContext(ctx, "git", "rev-parse", "--show-toplevel").Output()
	root := strings.TrimSpace(string(top))
	if err != nil || !isRouse(root) {
		if given != "" {
			return "", fmt.Errorf("--previous %s is no file, and this is no checkout of Rouse in which it could be a commit", given)
		}
		return "", &skipped{"there is no previous release to run beside this one: give its program with --previous FILE"}
	}
	return t.build(ctx, root, ref)
}

func isRouse(root string) bool {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	return err == nil && strings.HasPrefix(string(mod), "module rouse\n")
}

// build makes the program of a commit.
func (t *trial) build(ctx context.Context, root, ref string) (program string, err error) {
	t.say("building the program of %s", ref)
	source := filepath.Join(t.dir, "source")
	program = filepath.Join(t.dir, "previous-rouse")
	if err := os.Mkdir(source, 0o755); err != nil {
		return "", err
	}
	archive := filepath.Join(t.dir, "source.tar")
	steps := []*exec.Cmd{
		exec.CommandContext(ctx, "git", "-C", root, "archive", "--output", archive, ref),
		exec.CommandContext(ctx, "tar", "-xf", archive, "-C", source),
		exec.CommandContext(ctx, "go", "build", "-C", source, "-o", program, "./cmd/rouse"),
	}
	for _, step := range steps {
		said, err := step.CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) || ref == "HEAD~1" && err != nil && strings.Contains(step.String(), "archive") {
			return "", &skipped{fmt.Sprintf("the commit before cannot be built here (%s): give a program with --previous FILE", strings.TrimSpace(string(said)))}
		}
		if err != nil {
			return "", fmt.Errorf("building %s: %w: %s", ref, err, said)
		}
	}
	return program, nil
}
