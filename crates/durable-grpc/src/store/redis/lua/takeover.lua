-- ARGV: ahead, prefix of channels, lease, owner ('': everyone whose lease has lapsed), limit, record
-- of a call lost after it was sent, record of a cancelled call, retentions of a cancelled call that
-- has a key and of one that has none. Gives the number of claims taken.
local lease, wanted, limit = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local taken, gone, bytes = 0, {}, 0

local function take(sid)
  gone[#gone + 1] = sid
  local id, metadata, payload = entry(sid)
  if not id then return end
  local call = redis.call('HMGET', call_key(id), 's', 'q', 'p', 'w', 'k', 'n', 'a', 'u', 'l', 'x', 'c')
  if not unfinished(call[1]) or call[2] ~= sid then return end
  if call[1] == '1' then
    bury(id, '5', ARGV[6], call[7], metadata, payload)
    tell(call[4], id, ARGV[6])
    bytes = bytes + call[6]
  elseif call[11] then
    close(id, call[5], '6', ARGV[7], call[7], tonumber(call[5] and ARGV[8] or ARGV[9]))
    tell(call[4], id, ARGV[7])
    bytes = bytes + call[6]
  else
    local lost = call[9] + 1
    local again = enqueue(id, call[3], metadata, payload, call[7], call[8], lost, call[10])
    redis.call('HSET', call_key(id), 'q', again, 'l', lost)
  end
end

local consumers = redis.pcall('XINFO', 'CONSUMERS', STREAM, GROUP)
if consumers.err then return 0 end
for _, consumer in ipairs(consumers) do
  local owner, pending, idle = consumer[2], consumer[4], consumer[6]
  local beat = redis.call('ZSCORE', OWNERS, owner)
  -- A worker that was just taken over may come back before it beats again: its idle time speaks.
  local silent = beat and now - beat >= lease or not beat and idle >= lease
  if taken < limit and (owner == wanted or wanted == '' and silent) then
    local held = redis.call('XPENDING', STREAM, GROUP, '-', '+', limit - taken, owner)
    for _, entry in ipairs(held) do take(entry[1]) end
    taken = taken + #held
    leave(gone)
    gone = {}
    if #held == pending then
      redis.call('XGROUP', 'DELCONSUMER', STREAM, GROUP, owner)
      redis.call('ZREM', OWNERS, owner)
      redis.call('HDEL', HEALTH, owner)
    end
  end
end
if bytes > 0 then redis.call('HINCRBY', META, 'bytes', -bytes) end
publish(ARGV[2], '')
return taken
