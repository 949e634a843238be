-- ARGV: ahead, id. Gives 1 when the dead letter waits again, 0 when there is none.
local id, key = ARGV[2], call_key(ARGV[2])
local call = redis.call('HMGET', key, 's', 'p', 'm', 'd', 'i')
if call[1] ~= '4' and call[1] ~= '5' then return 0 end
local expires = now + call[5]
local sid = enqueue(id, call[2], call[3], call[4], 0, 0, 0, expires)
redis.call('HDEL', key, 'm', 'd', 'r', 'e', 'c')
redis.call('HSET', key, 's', 0, 'q', sid, 'x', expires, 'a', 0, 'u', 0, 'l', 0)
redis.call('ZREM', DEAD, id)
redis.call('HINCRBY', META, 'bytes', #call[4])
return 1
