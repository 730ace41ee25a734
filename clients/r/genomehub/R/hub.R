# A hub from R: search, data sets, downloads that resume, variants of a region as a data frame.
# The token goes to the hub itself and to nobody else.

hub <- function(url = Sys.getenv("GENOMEHUB_HUB_URL"), token = Sys.getenv("GENOMEHUB_HUB_TOKEN")) {
  if (!grepl("^https?://[^/]", url)) {
    stop(sprintf("'%s' is no address of a hub. Give one that begins with https://.", url), call. = FALSE)
  }
  structure(list(url = sub("/+$", "", url), token = token), class = "genomehub")
}

print.genomehub <- function(x, ...) {
  cat(sprintf("<genomehub %s, %s>\n", x$url, if (nzchar(x$token)) "with a token" else "as a visitor"))
  invisible(x)
}

hub_search <- function(hub, text = "", ..., limit = 100) {
  rows <- list()
  offset <- 0
  repeat {
    page <- get_json(hub, "/api/search", c(list(q = text, limit = min(limit, 200), offset = offset), list(...)))
    for (found in page$datasets) {
      rows[[length(rows) + 1]] <- data.frame(id = found$uuid, title = in_language(found$title))
    }
    offset <- offset + length(page$datasets)
    if (length(page$datasets) == 0 || offset >= page$total || length(rows) >= limit) break
  }
  found <- if (length(rows)) do.call(rbind, rows) else data.frame(id = character(), title = character())
  structure(utils::head(found, limit), total = page$total)
}

hub_dataset <- function(hub, id) {
  get_json(hub, paste0("/api/datasets/", escape(id)))
}

hub_files <- function(hub, id) {
  version <- hub_dataset(hub, id)$entry
  if (is.null(version)) stop(sprintf("%s: has a description, and no data yet.", id), call. = FALSE)
  contents <- get_json(hub, drs(version))$contents
  rows <- lapply(contents, function(one) {
    file <- get_json(hub, drs(one$id))
    data.frame(name = one$name, size = file$size, sha256 = checksum(file), id = one$id)
  })
  do.call(rbind, rows)
}

hub_download <- function(hub, file, to = NULL) {
  document <- get_json(hub, drs(file))
  if (!is.null(document$contents)) stop(sprintf("%s: is a folder; fetch its files.", file), call. = FALSE)
  if (is.null(to)) to <- portable(document$name)
  if (dir.exists(to)) to <- file.path(to, portable(document$name))
  wanted <- checksum(document)
  if (file.exists(to)) {
    if (identical(sha256_of(to), wanted)) return(invisible(to))
    stop(sprintf("%s: another file is there. Move it away, or name another place.", to), call. = FALSE)
  }
  part <- paste0(to, ".part")
  idle <- 0
  repeat {
    there <- if (file.exists(part)) file.size(part) else 0
    if (there >= document$size) break
    tried <- tryCatch(go_on(hub, document, part, there), httr2_failure = identity, error = identity)
    if (inherits(tried, "genomehub_error")) stop(tried)
    grown <- file.exists(part) && file.size(part) > there
    idle <- if (grown) 0 else idle + 1
    if (idle >= 5) stop(sprintf("%s: nothing more came. Run the same again.", to), call. = FALSE)
  }
  if (!identical(sha256_of(part), wanted)) {
    unlink(part)
    stop(sprintf("%s: is not what the hub says; what came was thrown away. Run the same again.", to),
         call. = FALSE)
  }
  file.rename(part, to)
  invisible(to)
}

hub_variants <- function(hub, id, region = NULL, to = NULL) {
  span <- parse_region(region)
  ticket <- get_json(hub, paste0("/htsget/variants/", escape(id)), span$query)$htsget
  keep <- !is.null(to)
  if (!keep) to <- tempfile(fileext = ".vcf.gz")
  out <- file(to, "wb")
  tryCatch(
    for (block in ticket$urls) writeBin(block_bytes(hub, block), out),
    finally = close(out)
  )
  on.exit(if (!keep) unlink(to))
  read_vcf(to, span)
}

# ---- below: not for users ------------------------------------------------------------------------

read_vcf <- function(path, span) {
  file <- gzfile(path)
  on.exit(close(file))
  lines <- readLines(file)
  header <- lines[startsWith(lines, "#CHROM")]
  columns <- strsplit(sub("^#", "", header), "\t", fixed = TRUE)[[1]]
  body <- lines[!startsWith(lines, "#")]
  fields <- do.call(rbind, strsplit(body, "\t", fixed = TRUE))
  frame <- as.data.frame(fields)
  if (!nrow(frame)) frame <- as.data.frame(matrix(character(), 0, length(columns)))
  names(frame) <- columns
  frame$POS <- as.integer(frame$POS)
  frame$QUAL <- suppressWarnings(as.numeric(frame$QUAL))
  if (is.null(span$contig)) return(frame)
  ends <- frame$POS + nchar(frame$REF) - 1
  found <- regmatches(frame$INFO, regexpr("(^|;)END=[0-9]+", frame$INFO))
  has <- grepl("(^|;)END=[0-9]+", frame$INFO)
  ends[has] <- as.integer(sub(".*END=", "", found))
  frame <- frame[frame$CHROM == span$contig & frame$POS <= span$end & ends >= span$start, , drop = FALSE]
  rownames(frame) <- NULL
  frame
}

parse_region <- function(region) {
  if (is.null(region)) return(list(query = list(), contig = NULL))
  found <- regmatches(region, regexec("^([^:[:space:]]+)(:([0-9,]+)(-([0-9,]+))?)?$", region))[[1]]
  if (!length(found)) {
    stop(sprintf("'%s' is no region. Write CONTIG, CONTIG:START or CONTIG:START-END.", region), call. = FALSE)
  }
  number <- function(text) if (nzchar(text)) as.numeric(gsub(",", "", text)) else NULL
  start <- number(found[4])
  end <- number(found[6])
  query <- list(referenceName = found[2])
  if (!is.null(start)) query$start <- format(start - 1, scientific = FALSE)
  if (!is.null(end)) query$end <- format(end, scientific = FALSE)
  list(query = query, contig = found[2], start = if (is.null(start)) 1 else start,
       end = if (is.null(end)) Inf else end)
}

block_bytes <- function(hub, block) {
  if (startsWith(block$url, "data:")) {
    return(openssl::base64_decode(sub("^[^,]*;base64,", "", block$url)))
  }
  answer <- ask(hub, block$url, headers = block$headers)
  if (length(answer$body) > 0) httr2::resp_body_raw(answer) else raw()  # a region without records
}

go_on <- function(hub, document, part, there) {
  access <- NULL
  for (method in document$access_methods) {
    if (method$type != "https") next
    access <- method$access_url
    if (is.null(access)) {
      access <- get_json(hub, paste0(drs(document$id), "/access/", escape(method$access_id)))
    }
    break
  }
  if (is.null(access)) stop(sprintf("%s: the hub offers no way to its bytes.", document$id), call. = FALSE)
  headers <- list(`Accept-Encoding` = "identity")
  if (there > 0) headers$Range <- sprintf("bytes=%s-", format(there, scientific = FALSE))
  request <- prepare(hub, access$url, headers)
  out <- NULL
  on.exit(if (!is.null(out)) close(out))
  # The answer comes in pieces, each written as it comes: the file never stands in memory.
  piece <- function(bytes) {
    if (is.null(out)) out <<- file(part, if (there > 0) "ab" else "wb")
    writeBin(bytes, out)
    TRUE
  }
  request <- httr2::req_error(request, is_error = function(answer) FALSE)
  answer <- httr2::req_stream(request, piece, timeout_sec = Inf)
  status <- httr2::resp_status(answer)
  if (status >= 400 || (there > 0 && status != 206)) {
    close(out)
    out <- NULL
    truncate_to(part, there, status)
    if (status >= 400) stop(failure(status, sprintf("%s: HTTP status %d", document$name, status)))
  }
  invisible(NULL)
}

truncate_to <- function(part, there, status) {
  # What came was an error's text, or the whole from its beginning: neither belongs at the end of the part.
  if (there == 0 || status < 400) return(unlink(part))
  kept <- readBin(part, "raw", there)
  writeBin(kept, part)
}

get_json <- function(hub, path, query = list()) {
  httr2::resp_body_json(ask(hub, paste0(hub$url, path), query = query))
}

prepare <- function(hub, url, headers = list(), query = list()) {
  request <- httr2::request(url)
  ours <- startsWith(paste0(url, "/"), paste0(hub$url, "/"))
  if (nzchar(hub$token) && ours && !any(tolower(names(headers)) == "authorization")) {
    request <- httr2::req_auth_bearer_token(request, hub$token)
  }
  if (length(headers)) request <- do.call(httr2::req_headers, c(list(request), headers))
  if (length(query)) request <- do.call(httr2::req_url_query, c(list(request), query))
  httr2::req_user_agent(request, "genomehub-r")
}

ask <- function(hub, url, headers = list(), query = list()) {
  request <- prepare(hub, url, headers, query)
  request <- httr2::req_retry(request, max_tries = 5, is_transient = function(answer) {
    httr2::resp_status(answer) %in% c(429, 502, 503, 504)
  })
  request <- httr2::req_error(request, is_error = function(answer) FALSE)
  answer <- httr2::req_perform(request)
  if (httr2::resp_status(answer) >= 400) stop(failure(httr2::resp_status(answer), sentence_of(answer)))
  answer
}

failure <- function(status, sentence) {
  kind <- c(`401` = "not_authenticated", `403` = "not_allowed", `404` = "not_found")[as.character(status)]
  classes <- c(if (!is.na(kind)) paste0("genomehub_", kind), "genomehub_error", "error", "condition")
  structure(class = classes, list(message = sentence, call = NULL, status = status))
}

sentence_of <- function(answer) {
  body <- tryCatch(jsonlite::fromJSON(httr2::resp_body_string(answer), simplifyVector = FALSE),
                   error = function(error) list())
  told <- if (!is.list(body)) NULL else if (!is.null(body$detail)) body$detail else if (!is.null(body$msg)) {
    body$msg
  } else body$htsget$message
  if (is.null(told)) sprintf("HTTP status %d", httr2::resp_status(answer)) else told
}

drs <- function(id) paste0("/ga4gh/drs/v1/objects/", escape(id))

escape <- function(text) utils::URLencode(text, reserved = TRUE)

checksum <- function(document) {
  for (one in document$checksums) if (one$type %in% c("sha-256", "sha256")) return(one$checksum)
  NA_character_
}

sha256_of <- function(path) {
  input <- file(path, "rb")
  on.exit(close(input))
  paste(as.character(unclass(openssl::sha256(input))), collapse = "")
}

portable <- function(name) {
  if (!grepl("^[A-Za-z0-9._-]{1,255}$", name) || name %in% c(".", "..")) {
    stop(sprintf("'%s' is a name that leads elsewhere; nothing was written.", name), call. = FALSE)
  }
  name
}

in_language <- function(text, language = "en") {
  if (!is.list(text)) return(text)
  if (!is.null(text[[language]])) text[[language]] else if (length(text)) text[[1]] else ""
}
