// The search of an exported archive. It loads the index from the scripts in -/search, which
// call the function loaded. It sends nothing to any server.
"use strict";
{
	const perBlock = 500, shown = 200;
	const known = new Map(); // the values of loaded files, by name
	const waiting = new Map(); // the promises of requested files, by name

	self.loaded = (name, value) => {
		known.set(name, value);
	};

	// load returns the value of a file of the index. It is undefined if there is no such file.
	function load(name) {
		if (known.has(name)) return Promise.resolve(known.get(name));
		if (!waiting.has(name)) {
			waiting.set(name, new Promise(resolve => {
				const script = document.createElement("script");
				script.src = "search/" + name + ".js";
				script.onload = script.onerror = () => resolve(known.get(name));
				document.head.append(script);
			}));
		}
		return waiting.get(name);
	}

	const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;

	// words splits a text into words, as eachWord in words.go does.
	function words(text) {
		const all = [];
		let word = "";
		const end = () => { if (word) all.push(word); word = ""; };
		for (const c of text) {
			if (/\p{Mn}/u.test(c)) continue;
			if (!/[\p{L}\p{N}]/u.test(c)) end();
			else if (unspaced.test(c)) { end(); word = c; end(); }
			else word += c.toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "");
		}
		end();
		return all;
	}

	const hex = text => Array.from(new TextEncoder().encode(text), b => b.toString(16).padStart(2, "0")).join("");

	// pagesWith returns two sets of pages: the pages with the word in the title, and all pages
	// with the word. If prefix is set, words that begin with the word also count.
	async function pagesWith(word, prefix) {
		const titles = new Set(), all = new Set();
		const start = [...word].slice(0, 2).join("");
		const shard = await load("w" + hex(start)) || {};
		const names = prefix ? Object.keys(shard).filter(w => w.startsWith(word)) : Object.hasOwn(shard, word) ? [word] : [];
		for (const name of names) {
			shard[name].forEach((list, field) => {
				let n = 0;
				list.forEach((d, i) => { n = i ? n + d : d; all.add(n); if (field === 0) titles.add(n); });
			});
		}
		return {titles, all};
	}

	async function search(text) {
		const wanted = words(text);
		const status = document.getElementById("status"), found = document.getElementById("found");
		found.replaceChildren();
		if (!wanted.length) { status.textContent = ""; return; }
		status.textContent = "Searching…";
		let titles, all;
		for (const [i, word] of wanted.entries()) {
			const prefix = i === wanted.length - 1 && [...word].length > 1;
			const pages = await pagesWith(word, prefix);
			titles = titles ? titles.filter(n => pages.titles.has(n)) : [...pages.titles];
			all = all ? all.filter(n => pages.all.has(n)) : [...pages.all];
		}
		const inTitle = new Set(titles);
		const order = [...titles.sort((a, b) => a - b), ...all.filter(n => !inTitle.has(n)).sort((a, b) => a - b)];
		for (const n of order.slice(0, shown)) {
			const block = await load("p" + Math.floor(n / perBlock)) || [];
			const page = block[n % perBlock];
			if (!page) continue;
			const item = document.createElement("li"), box = document.createElement("div"), link = document.createElement("a"), where = document.createElement("p");
			link.className = "title";
			link.textContent = page.t || "(no title)";
			link.href = "../" + page.f;
			where.className = "soft";
			where.textContent = page.w + (page.d ? " · " + page.d : "");
			box.append(link, where);
			item.append(box);
			found.append(item);
		}
		status.textContent = order.length === 0 ? "No page has all of these words." :
			order.length === 1 ? "1 page" : order.length + " pages" + (order.length > shown ? `; the first ${shown} are shown` : "") + ". Titles come first, then the newest.";
	}

	const form = document.getElementById("search"), input = document.getElementById("words");
	form.addEventListener("submit", event => {
		event.preventDefault();
		history.replaceState(null, "", "#" + encodeURIComponent(input.value));
		search(input.value);
	});
	if (location.hash.length > 1) {
		try { input.value = decodeURIComponent(location.hash.slice(1)); } catch { /* not a query */ }
		search(input.value);
	}
}
