// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0
{

/// Membership of one object in one list. An object that can be in several lists has a Link for each.
template <typename T>
struct Link {
    Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    T* previous = nullptr;
    T* next = nullptr;
    bool linked = false;
};

/// Doubly-linked list through a member of its elements: no allocation, O(1) everywhere. It owns nothing: an
/// element has to be removed before it dies.
template <typename T, Link<T> T::*Member>
class List
{
public:
    bool empty() const { return first_ == nullptr; }
    T* front() const { return first_; }
    T* back() const { return last_; }
    static T* next(const T& element) { return (element.*Member).next; }
    static T* previous(const T& element) { return (element.*Member).previous; }
    static bool contains(const T& element) { return (element.*Member).linked; }

    void push_back(T& element) { insert(element, nullptr); }

    /// Inserts in front of `before`; at the end if it is null.
    void insert(T& element, T* before)
    {
        Link<T>& link = element.*Member;
        link.linked = true;
        link.next = before;
        link.previous = before ? (before->*Member).previous : last_;
        (link.previous ? (link.previous->*Member).next : first_) = &element;
        (before ? (before->*Member).previous : last_) = &element;
    }

    /// Does nothing to an element that is in no list.
    void remove(T& element)
    {
        Link<T>& link = element.*Member;
        if (!link.linked)
            return;
        (link.previous ? (link.previous->*Member).next : first_) = link.next;
        (link.next ? (link.next->*Member).previous : last_) = link.previous;
        link.previous = link.next = nullptr;
        link.linked = false;
    }

    T* pop_front()
    {
        T* element = first_;
        if (element)
            remove(*element);
        return element;
    }

private:
    T* first_ = nullptr;
    T* last_ = nullptr;
};

}  // namespace u0
