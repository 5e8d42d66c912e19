package imap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postern/internal/fault"
	"postern/poller/wire"
)

// A selected folder, as its SELECT told.
type selected struct {
	folder   string // as the administrator calls it
	validity uint32
	next     uint32 // UIDNEXT; 0: the server did not say
	exists   uint32
	flags    []imap.Flag // that can be set for good
	fresh    bool        // nothing was looked for in it since
}

// open selects a folder. The server's no is a *wire.Problem.
func (s *session) open(ctx context.Context, folder string) (*selected, error) {
	if s.selected != nil && s.selected.folder == folder {
		return s.selected, nil
	}
	err := s.named(ctx, folder, func(name string) error {
		return s.plainly(ctx, func() error {
			d, err := s.c.Select(name, nil).Wait()
			if err != nil {
				s.selected = nil // RFC 3501 section 6.3.1: then none is
				return err
			}
			s.heard.began(d.NumMessages)
			s.selected = &selected{folder, d.UIDValidity, uint32(d.UIDNext), d.NumMessages, d.PermanentFlags, true}
			return nil
		})
	})
	if refused(err) {
		return nil, &wire.Problem{
			Step: "folder " + folder, Says: fmt.Sprintf("folder %q cannot be opened: %s", folder, said(err)),
			Todo: "write its name as the server has it (postern doctor shows what is there), and see that " + s.a.o.User + " may read it", Err: fault.As(fault.NotFound, err),
		}
	}
	return s.selected, err
}

// named does something with a folder by the name that works: as it is written, or with what the server's namespace wants before it
// and between its parts (Courier and Cyrus: INBOX.Done for Done). The name that worked is used from then on.
func (s *session) named(ctx context.Context, folder string, do func(name string) error) error {
	if name, ok := s.names[folder]; ok {
		return do(name)
	}
	first := do(folder)
	if first == nil {
		s.names[folder] = folder
	}
	if !refused(first) || strings.EqualFold(folder, "INBOX") {
		return first
	}
	others, err := s.spellings(ctx, folder)
	if err != nil {
		return err
	}
	for _, name := range others {
		if err := do(name); err == nil {
			s.names[folder] = name
			return nil
		} else if !refused(err) {
			return err
		}
	}
	return first
}

// spellings are other names that the folder may have at this server. LIST is not asked: a single folder whose name is not in
// proper modified UTF-7 would end the connection.
func (s *session) spellings(ctx context.Context, folder string) ([]string, error) {
	prefix, delimiter := "INBOX.", "."
	if s.caps.Has(imap.CapNamespace) {
		err := s.plainly(ctx, func() error {
			d, err := s.c.Namespace().Wait()
			if err == nil && len(d.Personal) > 0 {
				prefix, delimiter = d.Personal[0].Prefix, "/"
				if d.Personal[0].Delim != 0 {
					delimiter = string(d.Personal[0].Delim)
				}
			}
			return err
		})
		if err != nil && !refused(err) {
			return nil, err
		}
	}
	split := strings.ReplaceAll(folder, "/", delimiter)
	var all []string
	for _, name := range []string{split, prefix + split} {
		if name != folder && !slices.Contains(all, name) && !(prefix != "" && strings.HasPrefix(folder, prefix) && name != split) {
			all = append(all, name)
		}
	}
	return all, nil
}

// provide makes a folder that is not there, under the first name that the server takes.
func (s *session) provide(ctx context.Context, folder string) error {
	err := s.exists(ctx, folder)
	if err == nil || !refused(err) {
		return err
	}
	return s.named(ctx, folder, func(name string) error {
		return s.plainly(ctx, func() error {
			err := s.c.Create(name, nil).Wait()
			if err == nil || refused(err, imap.ResponseCodeAlreadyExists) {
				_ = s.c.Subscribe(name).Wait() // mail programs show only those; where that is refused it is there nonetheless
				return nil
			}
			return err
		})
	})
}

// exists asks whether a folder is there, and finds its name.
func (s *session) exists(ctx context.Context, folder string) error {
	return s.named(ctx, folder, func(name string) error {
		return s.plainly(ctx, func() error {
			_, err := s.c.Status(name, &imap.StatusOptions{UIDNext: true}).Wait()
			return err
		})
	})
}
