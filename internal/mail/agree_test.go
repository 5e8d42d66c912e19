package mail_test

import "testing"

// TestAgree: where the plain text leaves open what is quoted, the HTML of the same words says it.
func TestAgree(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, plain, html, want string }{
		{"no sign in the plain text",
			"Yes, there is paper in the tray.\n\nAnn\n\nMikor: hetfon, Support irasa szerint\nIs there paper in\nthe tray of the printer?\n",
			`<div>Yes, there is paper in the tray.<br><br>Ann</div><div class="ydp1f2a3b4cyahoo_quoted"><div>Mikor: hetfon, Support irasa szerint</div><div>Is there paper in the tray of the printer?</div></div>`,
			"Yes, there is paper in the tray.\n\nAnn"},
		{"not sure in the plain text",
			"Yes, there is paper in the tray.\n\nOn Monday, Support wrote:\nIs there paper in the tray?\n",
			`<div>Yes, there is paper in the tray.</div><div class="gmail_quote"><div class="gmail_attr">On Monday, Support wrote:</div><blockquote class="gmail_quote">Is there paper in the tray?</blockquote></div>`,
			"Yes, there is paper in the tray."},
		{"a signature",
			"Yes, there is paper in the tray.\n\nAnn Lee\nBigcorp, 3rd floor, Room 12\n\n> Is there paper in the tray?\n",
			`<div>Yes, there is paper in the tray.</div><div class="gmail_signature">Ann Lee<br>Bigcorp, 3rd floor, Room 12</div><blockquote type="cite">Is there paper in the tray?</blockquote>`,
			"Yes, there is paper in the tray."},
		{"answers between",
			"Dixit Support:\nIs there paper in the tray?\nYes, there is a lot of it.\nAnd is the toner there?\nNo, it is empty.\n",
			`<div class="gmail_quote"><div class="gmail_attr">Dixit Support:</div><blockquote class="gmail_quote">Is there paper in the tray?</blockquote><div>Yes, there is a lot of it.</div><blockquote class="gmail_quote">And is the toner there?</blockquote><div>No, it is empty.</div></div>`,
			"Yes, there is a lot of it.\nNo, it is empty."},
		{"other words than in the HTML",
			"On Monday, Support wrote:\nthat the printer is broken. Is it?\n",
			`<div>See the picture.</div><div class="gmail_quote"><div class="gmail_attr">Support:</div>Is there paper?</div>`,
			"On Monday, Support wrote:\nthat the printer is broken. Is it?"},
	} {
		m := parse(t, []byte("Subject: Re: x\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n"+tt.plain+"\n--b\nContent-Type: text/html\n\n"+tt.html+"\n--b--\n"))
		check(t, m)
		if got := m.NewText(); got != tt.want {
			t.Errorf("%s: new text %q, want %q; %v; %v", tt.name, got, tt.want, m.Spans, m.HTMLSpans)
		}
	}
}
