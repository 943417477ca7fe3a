package browse

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// perBlock is the number of pages in a block. search.js has the same number.
const perBlock = 500

// A foundPage is a page that the search of an export can find.
type foundPage struct {
	Title string `json:"t"`
	Where string `json:"w"` // the repository, the kind and the number
	Date  string `json:"d"`
	File  string `json:"f"` // relative to the folder of the export
}

// index writes the index of the search. The pages are in blocks, one file each. The words
// are in a file for each pair of first characters. The script search.js loads the files
// that it needs. The files are scripts, because a page that a browser opened from a file
// can load nothing else.
func (x *exporter) index(ctx context.Context) error {
	pageOf, err := x.foundPages(ctx)
	if err != nil {
		return err
	}
	return x.wordFiles(ctx, pageOf)
}

// foundPages writes the blocks of pages, the newest first. It returns the number of the
// page for each record, by ID; -1 for a record without a page.
func (x *exporter) foundPages(ctx context.Context) ([]int32, error) {
	last, err := x.store.count(ctx, `SELECT coalesce(max(id), 0) FROM record`)
	if err != nil {
		return nil, err
	}
	pageOf := make([]int32, last+1)
	for i := range pageOf {
		pageOf[i] = -1
	}
	repos := map[int64]*repository{}
	all, err := queryAll(ctx, x.store, scanRepository, `SELECT `+repositoryColumns+` FROM repo`)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		repos[r.key] = r
	}
	byKey := map[int64]int32{}
	var block []foundPage
	n, blocks := int32(0), 0
	flush := func() error {
		err := x.script(fmt.Sprintf("p%d", blocks), block)
		block, blocks = nil, blocks+1
		return err
	}
	rows, err := x.store.db.QueryContext(ctx, `SELECT `+entryColumns+` FROM record WHERE kind BETWEEN 1 AND 5 ORDER BY created DESC, id DESC`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		repo := repos[e.repo]
		if repo == nil {
			continue
		}
		p := foundPage{Title: e.title, Where: repo.name + " · " + e.kind.String(), File: target{path: itemPath(repo, e)}.fileName()}
		if e.number > 0 {
			p.Where += " #" + itoa(e.number)
		}
		if e.created != 0 {
			p.Date = e.at().Format("2 Jan 2006")
		}
		pageOf[e.id] = n
		if e.key != 0 {
			byKey[e.key] = n
		}
		n++
		if block = append(block, p); len(block) == perBlock {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := errors.Join(rows.Err(), flush()); err != nil {
		return nil, err
	}
	return pageOf, x.addParts(ctx, pageOf, byKey)
}

// addParts sets the pages of comments, reviews and attachments: the pages of their
// conversations.
func (x *exporter) addParts(ctx context.Context, pageOf []int32, byKey map[int64]int32) error {
	rows, err := x.store.db.QueryContext(ctx, `SELECT id, thread FROM record WHERE thread <> 0 AND kind BETWEEN ? AND ?`, kindComment, kindAttachment)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, thread int64
		if err := rows.Scan(&id, &thread); err != nil {
			return err
		}
		if n, ok := byKey[thread]; ok {
			pageOf[id] = n
		}
	}
	return rows.Err()
}

// wordFiles writes the files of words. A word has two lists of pages: the pages with the
// word in the title, and the other pages with the word.
func (x *exporter) wordFiles(ctx context.Context, pageOf []int32) error {
	rows, err := x.store.db.QueryContext(ctx, `SELECT word, field, ids FROM word ORDER BY word`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	shard, beginning := map[string]*[fields][]int32{}, ""
	flush := func() error {
		if len(shard) == 0 {
			return nil
		}
		for _, lists := range shard {
			for field, list := range lists {
				slices.Sort(list)
				lists[field] = slices.Compact(list)
			}
			lists[fieldBody] = slices.DeleteFunc(lists[fieldBody], func(n int32) bool {
				_, inTitle := slices.BinarySearch(lists[fieldTitle], n)
				return inTitle
			})
			for field := range lists {
				lists[field] = differences(lists[field])
			}
		}
		err := x.script("w"+hex.EncodeToString([]byte(beginning)), shard)
		clear(shard)
		return err
	}
	for rows.Next() {
		var word string
		var field int
		var ids sql.RawBytes
		if err := rows.Scan(&word, &field, &ids); err != nil {
			return err
		}
		if b := beginningOf(word); b != beginning {
			if err := errors.Join(flush(), ctx.Err()); err != nil {
				return err
			}
			beginning = b
		}
		lists := shard[word]
		if lists == nil {
			lists = &[fields][]int32{{}, {}}
			shard[word] = lists
		}
		lists[field] = appendPages(lists[field], ids, pageOf)
	}
	return errors.Join(rows.Err(), flush())
}

// beginningOf returns the first two characters of a word.
func beginningOf(word string) string {
	_, one := utf8.DecodeRuneInString(word)
	_, two := utf8.DecodeRuneInString(word[one:])
	return word[:one+two]
}

// appendPages appends the pages of the records in a posting.
func appendPages(list []int32, ids []byte, pageOf []int32) []int32 {
	for id := range postingIDs(ids) {
		if id < int64(len(pageOf)) && pageOf[id] >= 0 {
			list = append(list, pageOf[id])
		}
	}
	return list
}

// differences replaces each number after the first by its difference to the previous
// number.
func differences(list []int32) []int32 {
	for i := len(list) - 1; i > 0; i-- {
		list[i] -= list[i-1]
	}
	return list
}

// script writes a file of the index: a call of the function loaded of search.js.
func (x *exporter) script(name string, value any) error {
	data, err := json.Marshal(value) // Marshal escapes "<", so that the value cannot end a script element
	if err != nil {
		return err
	}
	return x.write("-/search/"+name+".js", fmt.Appendf(nil, "loaded(%q,%s)\n", name, data))
}
