package graphtest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A Mailbox has folders and messages, and remembers what changed.
type Mailbox struct {
	s       *Server
	Address string
	Broken  *Fault // what each request for it gets

	folders  []*Folder
	messages []*Message
	serial   int
	seq      int // of the last change
	tokens   map[string]*token
	underway atomic.Int32
}

// A Folder is one of a mailbox.
type Folder struct{ ID, Name, Known, parent string }

// A Message lies in a folder. Its mutable id changes when it is moved; the immutable one does not.
type Message struct {
	ID, Mutable string
	Folder      string
	Received    time.Time
	Read        bool
	Raw         []byte

	changed int // the mailbox's seq then
	moved   map[string]int
}

// token is what a link of a delta query stands for: rows that are still to come, and what has changed since.
type token struct {
	folder string
	rows   []string
	seq    int
	sized  bool // with the property that was asked for
}

// AddMailbox makes a mailbox with the folders that each has, in a language that is not English.
func (s *Server) AddMailbox(address string) *Mailbox {
	s.Lock()
	defer s.Unlock()
	m := &Mailbox{s: s, Address: address, tokens: map[string]*token{}}
	s.mailboxes[strings.ToLower(address)] = m
	root := m.folder("Oberste Ebene", "msgfolderroot", "")
	for known, name := range map[string]string{"inbox": "Posteingang", "deleteditems": "Gelöschte Elemente", "junkemail": "Junk-E-Mail", "archive": "Archiv"} {
		m.folder(name, known, root.ID)
	}
	return m
}

func (m *Mailbox) folder(name, known, parent string) *Folder {
	m.serial++
	f := &Folder{ID: fmt.Sprintf("AAMkFolder%d==", m.serial), Name: name, Known: known, parent: parent}
	m.folders = append(m.folders, f)
	return f
}

// AddFolder makes folders by their path from the top.
func (m *Mailbox) AddFolder(path string) {
	m.s.Lock()
	defer m.s.Unlock()
	at := m.find("msgfolderroot")
	for part := range strings.SplitSeq(path, "/") {
		if f := m.find(strings.ToLower(part)); f != nil && f.Known != "" {
			at = f
			continue
		}
		next := m.below(at.ID, part)
		if next == nil {
			next = m.folder(part, "", at.ID)
		}
		at = next
	}
}

// find is a folder by its id or well-known name.
func (m *Mailbox) find(id string) *Folder {
	for _, f := range m.folders {
		if f.ID == id || f.Known == id && id != "" {
			return f
		}
	}
	return nil
}

func (m *Mailbox) below(parent, name string) *Folder {
	for _, f := range m.folders {
		if f.parent == parent && strings.EqualFold(f.Name, name) {
			return f
		}
	}
	return nil
}

// Put delivers a mail to a folder, by its well-known name or its name, and returns its immutable id.
func (m *Mailbox) Put(folder string, received time.Time, raw string) string {
	m.s.Lock()
	defer m.s.Unlock()
	return m.add(m.named(folder).ID, received, raw).ID
}

func (m *Mailbox) add(folder string, received time.Time, raw string) *Message {
	m.serial++
	m.seq++
	msg := &Message{ID: fmt.Sprintf("AAkALg-immutable_%d=", m.serial), Mutable: fmt.Sprintf("AAMk/mutable+%d=", m.serial), Folder: folder, Received: received.UTC().Truncate(time.Second), Raw: []byte(raw), changed: m.seq,
		moved: map[string]int{}}
	m.messages = append(m.messages, msg)
	return msg
}

func (m *Mailbox) named(name string) *Folder {
	if f := m.find(name); f != nil {
		return f
	}
	for _, f := range m.folders {
		if f.Name == name {
			return f
		}
	}
	panic("graphtest: there is no folder " + name)
}

// Move moves a mail, as another client does; Remove takes it away for good; Touch marks it as read.
func (m *Mailbox) Move(id, folder string) {
	m.s.Lock()
	defer m.s.Unlock()
	m.move(m.message(id), m.named(folder))
}

func (m *Mailbox) move(msg *Message, f *Folder) {
	if msg.Folder == f.ID {
		return
	}
	m.seq++
	m.serial++
	msg.moved[msg.Folder] = m.seq
	msg.Folder, msg.changed, msg.Mutable = f.ID, m.seq, fmt.Sprintf("AAMk/mutable+%d=", m.serial)
}

// Remove takes a mail away for good.
func (m *Mailbox) Remove(id string) {
	m.s.Lock()
	defer m.s.Unlock()
	m.move(m.message(id), &Folder{ID: "nowhere"})
}

// Touch marks a mail as read.
func (m *Mailbox) Touch(id string) {
	m.s.Lock()
	defer m.s.Unlock()
	m.seq++
	msg := m.message(id)
	msg.Read, msg.changed = true, m.seq
}

// Forget makes all links that were given out unknown.
func (m *Mailbox) Forget() {
	m.s.Lock()
	defer m.s.Unlock()
	clear(m.tokens)
}

// In lists the immutable ids of the mail in a folder, in the order in which it came.
func (m *Mailbox) In(folder string) []string {
	m.s.Lock()
	defer m.s.Unlock()
	f := m.named(folder)
	ids := []string{}
	for _, msg := range m.messages {
		if msg.Folder == f.ID {
			ids = append(ids, msg.ID)
		}
	}
	return ids
}

// Read lists the mail that is marked as read.
func (m *Mailbox) Read() []string {
	m.s.Lock()
	defer m.s.Unlock()
	ids := []string{}
	for _, msg := range m.messages {
		if msg.Read {
			ids = append(ids, msg.ID)
		}
	}
	return ids
}

func (m *Mailbox) message(id string) *Message {
	for _, msg := range m.messages {
		if (msg.ID == id || msg.Mutable == id) && msg.Folder != "nowhere" {
			return msg
		}
	}
	return nil
}

// rows are the ids of what changed in a folder since then: new, changed and removed. First come the newest, as it often is.
func (m *Mailbox) rows(folder string, since int) []string {
	var ids []string
	for _, msg := range m.messages {
		if msg.Folder == folder && msg.changed > since || since > 0 && msg.Folder != folder && msg.moved[folder] > since {
			ids = append(ids, msg.ID)
		}
	}
	slices.Reverse(ids)
	return ids
}
