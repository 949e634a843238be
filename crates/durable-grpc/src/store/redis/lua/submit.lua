-- ARGV: ahead, process, lane's byte cap, '1' when this was sent before and the answer was lost, then
-- for each call: id, name (method and key, or ''), hash, policy, metadata, payload, due (0: at once),
-- expires_in, '1' when somebody waits, '2' when nobody does and the call must not be made twice.
-- Gives for each call {what, id, record}: 0 accepted, 1 attached, 2 ended, 3 mismatch, 4 lane full,
-- 5 not known: sent before, and either never received or already over without a trace.
local process, cap, resent = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local bytes = tonumber(redis.call('HGET', META, 'bytes') or '0')
local before = bytes
local results = {}

-- Lets a call wait in the stream, or for its time; gives the fields that say where its message is.
local function place(id, policy, metadata, payload, due, expires)
  if due > now then
    redis.call('ZADD', LATER, due, id)
    return 'q', '', 'm', metadata, 'd', payload
  end
  return 'q', enqueue(id, policy, metadata, payload, 0, 0, 0, expires)
end

for n = 5, #ARGV, 9 do
  local id, name, hash, policy = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  local metadata, payload, due = ARGV[n + 4], ARGV[n + 5], math.max(tonumber(ARGV[n + 6]), now)
  local expires_in, waiter = tonumber(ARGV[n + 7]), ''
  if ARGV[n + 8] == '1' then waiter = process end
  local known, call = nil, nil
  -- A call without a key is looked for too: its first sending may arrive after the second.
  if name ~= '' then known = redis.call('GET', name_key(name)) else known = id end
  if known then
    call = redis.call('HMGET', call_key(known), 's', 'h', 'w', 'r', 'p', 'i')
    if not call[1] then known = nil end
  end
  local state = known and call[1]
  local result
  if known and call[2] ~= hash then
    result = {3, known}
  elseif known and unfinished(state) then
    if waiter ~= '' and not string.find(call[3], process, 1, true) then
      redis.call('HSET', call_key(known), 'w', call[3] .. ',' .. process)
    end
    result = {known == id and 0 or 1, known}
  elseif known and (known == id or not (state == '3' or state == '4' or state == '6')) then
    result = {2, known, call[4]}
  elseif resent and not known and name == '' and ARGV[n + 8] == '2' then
    -- A detached success leaves no record by which the repetition could be told from the first.
    result = {5, id}
  elseif bytes + #payload > cap then
    result = {4, bytes}
  elseif known then
    -- It ended without an answer and runs again: under its id, by its first policy.
    if state == '4' then redis.call('ZREM', DEAD, known) end
    local key, expires = call_key(known), due + call[6]
    redis.call('HDEL', key, 'r', 'e', 'c', 'm', 'd')
    redis.call('PERSIST', key)
    redis.call('PERSIST', name_key(name))
    redis.call('HSET', key, 's', 0, 't', now, 'x', expires, 'n', #payload, 'w', waiter, 'a', 0, 'u', 0, 'l', 0,
      place(known, call[5], metadata, payload, due, expires))
    bytes = bytes + #payload
    result = {0, known}
  else
    local expires = due + expires_in
    if name ~= '' then redis.call('SET', name_key(name), id) end
    redis.call('HSET', call_key(id), 's', 0, 'h', hash, 'p', policy, 't', now, 'x', expires, 'i', expires_in,
      'n', #payload, 'w', waiter, 'a', 0, 'u', 0, 'l', 0, place(id, policy, metadata, payload, due, expires))
    if name ~= '' then redis.call('HSET', call_key(id), 'k', name) end
    bytes = bytes + #payload
    result = {0, id}
  end
  results[#results + 1] = result
end
if bytes ~= before then redis.call('HINCRBY', META, 'bytes', bytes - before) end
return results
