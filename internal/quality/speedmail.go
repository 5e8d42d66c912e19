package main

import (
	"bytes"
	"encoding/base64"
	"strings"
)

const head = "From: =?utf-8?Q?Ann_M=C3=BCller?= <ann@bigcorp.example>\r\nTo: Support <support@example.com>\r\nCc: \"Lee, Bob\" <bob@bigcorp.example>\r\n" +
	"Subject: Re: Printer on the 3rd floor =?utf-8?B?bMOkdWZ0?= not\r\nDate: Mon, 5 Jan 2026 15:04:05 +0100\r\n" +
	"Message-ID: <9f1c2b7e@bigcorp.example>\r\nIn-Reply-To: <77aa@example.com>\r\nReferences: <11aa@example.com> <77aa@example.com>\r\nMIME-Version: 1.0\r\n"

func replyMail(size int) []byte {
	var b bytes.Buffer
	b.WriteString(head + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	for b.Len() < size*2/3 {
		b.WriteString("The printer says that its tray is empty, and it is not: I have looked.\r\n")
	}
	b.WriteString("\r\n-- \r\nAnn Müller\r\n\r\nOn Mon, Jan 5, 2026 at 2:04 PM Support <support@example.com> wrote:\r\n\r\n")
	for b.Len() < size {
		b.WriteString("> Dear Ann, please look whether there is paper in the tray.\r\n")
	}
	return b.Bytes()
}

func pageMail(size int) []byte {
	var b bytes.Buffer
	b.WriteString(head + "Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p{margin:0}</style></head><body>")
	for b.Len() < size {
		b.WriteString("<div style=\"margin:0\"><p class=MsoNormal><span lang=EN>The printer on the <b>third floor</b> says that its <a href=\"https://example.com/tray\">tray</a> is empty.</span></p></div>\r\n")
	}
	b.WriteString("</body></html>\r\n")
	return b.Bytes()
}

func fileMail(size int) []byte {
	var b bytes.Buffer
	b.WriteString(head + "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n--b1\r\n" +
		"Content-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and then it does so again. ", size/72+1)[:size]))
	for ; text != ""; text = text[min(76, len(text)):] {
		b.WriteString(text[:min(76, len(text))] + "\r\n")
	}
	b.WriteString("--b1--\r\n")
	return b.Bytes()
}
